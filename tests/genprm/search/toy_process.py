"""A policy whose steps are right with a known probability, and judges that know, guess or approve of everything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genprm.search.base import Searcher
from genprm.search.roles import JudgedPath, StepJudge, StepJudgement
from genprm.seeds import derived_seed
from genprm.step_sampler import SampledStep


class ToyPolicy:
    """Solutions of `length` steps; each step is right with probability `right`, whatever came before. The answer is
    42 where all are, and the name of the first wrong step else."""

    def __init__(self, right: float, length: int) -> None:
        self.right = right
        self.length = length

    async def next_step(self, problem: str, steps: Sequence[str], n: int, seed: int) -> list[SampledStep]:
        draws = np.random.default_rng(derived_seed(seed, problem, *steps)).random(n)
        number, broken = len(steps) + 1, any("wrong" in step for step in steps)
        ended = number == self.length
        sampled = []
        for draw in draws:
            text = f"Step {number}: {'right' if draw < self.right else 'wrong'}"
            if ended:
                text += f" \\boxed{{{41 if broken or 'wrong' in text else 42}}}"
            sampled.append(SampledStep(text, ended, False, 10, 5))
        return sampled


class ToyJudge:
    """`kind` is perfect, random or saturated."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.judged: list[tuple[str, ...]] = []

    def start(self, problem: str) -> JudgedPath:
        return _Path(self, problem, ())


class _Path:
    def __init__(self, judge: ToyJudge, problem: str, steps: tuple[str, ...]) -> None:
        self._judge = judge
        self._problem = problem
        self._steps = steps

    async def judge(self, step: str) -> StepJudgement:
        self._steps = (*self._steps, step)
        self._judge.judged.append(self._steps)
        if self._judge.kind == "perfect":
            return StepJudgement(float("wrong" not in step), 3, 2)
        if self._judge.kind == "random":
            # Two solutions with the same text are told apart by nothing, as by a real judge.
            return StepJudgement(0.2 + 0.6 * derived_seed("random", self._problem, *self._steps) / 2**31, 3, 2)
        return StepJudgement(1.0, 3, 2)

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
