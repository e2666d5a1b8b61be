"""A policy whose steps are right and whose solutions end with known chances, and judges that know, guess or approve
of everything. What they are asked for is noted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from genprm.engines.base import ContextFull
from genprm.search.base import Searcher
from genprm.search.roles import JudgedPath, StepJudge, StepJudgement
from genprm.seeds import derived_seed
from genprm.step_sampler import SampledStep

RIGHT_ANSWER = "42"


@dataclass(frozen=True)
class Process:
    """Chances of each step, whatever came before: that it is `right`; that it `ends` the solution, by its number;
    that it is `cut` short; that nothing more fits in the context behind it (`full`)."""

    right: float = 0.5
    ends: tuple[float, ...] = (0.0, 0.0, 1.0)
    cut: float = 0.0
    full: float = 0.0

    def answer(self, flaw: int) -> str:
        """42 where all steps are right (`flaw` 0), and the number of the first wrong step else."""
        return str(flaw) if flaw else RIGHT_ANSWER


class ToyPolicy:
    """Follows a `Process`. Each step costs `tokens`, and the last one of a solution `at_end` more."""

    def __init__(self, process: Process, tokens: int = 10, at_end: int = 0) -> None:
        self.process = process
        self.tokens = tokens
        self.at_end = at_end
        self.drawn: dict[tuple[tuple[str, ...], int], list[SampledStep]] = {}
        """What was drawn by each request: by the steps before, and its seed."""

    async def next_step(self, problem: str, steps: Sequence[str], n: int, seed: int) -> list[SampledStep]:
        if steps and "full" in steps[-1]:
            self.drawn[tuple(steps), seed] = []
            raise ContextFull("no room")
        draws = np.random.default_rng(derived_seed(seed, problem, *steps))
        number = len(steps) + 1
        flaw = next((place for place, step in enumerate(steps, 1) if "wrong" in step), 0)
        sampled = [self._step(number, flaw, draws.random(4).tolist()) for _ in range(n)]
        self.drawn[tuple(steps), seed] = sampled
        return sampled

    def _step(self, number: int, flaw: int, draws: Sequence[float]) -> SampledStep:
        process = self.process
        right, cut = draws[0] < process.right, draws[1] < process.cut
        ended = not cut and draws[2] < process.ends[number - 1]
        # The end of the text tells every step from all others.
        full = " full" if draws[1] > 1 - process.full else ""
        text = f"Step {number}: {'right' if right else 'wrong'}{full} {draws[3]}"
        if ended:
            text += f" \\boxed{{{process.answer(flaw or (0 if right else number))}}}"
        return SampledStep(text, ended, cut, self.tokens + self.at_end * (ended or cut), 5)


@dataclass
class ToyJudge:
    """`kind` is perfect, random (each step gets one of `levels`, whatever it says) or saturated."""

    kind: str
    levels: tuple[float, ...] = (0.3, 0.8)
    tokens: tuple[int, int] = (3, 2)
    judged: list[tuple[str, ...]] = field(default_factory=list)
    rewards: dict[tuple[str, ...], float] = field(default_factory=dict)

    def start(self, problem: str) -> JudgedPath:
        return _Path(self, problem, ())

    def reward(self, problem: str, steps: tuple[str, ...]) -> float:
        if self.kind == "perfect":
            return float("wrong" not in steps[-1])
        if self.kind == "random":
            return self.levels[derived_seed("random", problem, *steps) % len(self.levels)]
        return 1.0


class _Path:
    def __init__(self, judge: ToyJudge, problem: str, steps: tuple[str, ...]) -> None:
        self._judge = judge
        self._problem = problem
        self._steps = steps

    async def judge(self, step: str) -> StepJudgement:
        self._steps = (*self._steps, step)
        reward = self._judge.reward(self._problem, self._steps)
        self._judge.judged.append(self._steps)
        self._judge.rewards[self._steps] = reward
        return StepJudgement(reward, *self._judge.tokens)

    def fork(self) -> JudgedPath:
        return _Path(self._judge, self._problem, self._steps)

    async def close(self) -> None:
        return None


class Answers:
    """Reads what is boxed."""

    def extract(self, text: str) -> str | None:
        found = text.partition("\\boxed{")[2].removesuffix("}")
        return found or None

    async def same(self, reference: str, given: str | None) -> bool:
        return reference == given


def searcher(policy: ToyPolicy, judge: StepJudge | None) -> Searcher:
    return Searcher(policy, judge, Answers())
