r"""ThinkPRM: one long verification of all steps, a verdict per step and P(yes) for the whole (arXiv 2504.16828).

Published checkpoints are asked as their authors do (`ThinkSettings`), models trained here as they were trained
(`TRAINED_HERE`). More thinking comes in two ways: several paths, whose scores are averaged (parallel), or rounds in
which the model is made to check again (sequential).
"""

from __future__ import annotations

import dataclasses
import math
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genprm.engines.base import Completion, ContextFull, Engine, Sampling
from genprm.engines.chat import before_turn
from genprm.event_loops import together
from genprm.manifest import read_manifest
from genprm.records import Message, StepwiseSolution
from genprm.reward_models.base import Asking, Paths, RewardModel, SolutionScore, VerdictCounts
from genprm.reward_models.generative import GenerativeRewardModel
from genprm.reward_models.registry import Adapter, Machine, asked_with, refuse_mode, register
from genprm.seeds import case_id, derived_seed
from genprm.settings import ThinkSettings
from genprm.verification.conversation import Verdict
from genprm.verification.rewards import THRESHOLD, UNDECIDED, VERDICT_LOGPROBS, read_reward
from genprm.verification.voting import majority_rewards

THINKPRM = "thinkprm"
"""Name of its adapter, also in the manifest of a ThinkPRM that was trained here."""
PROMPT = (
    "You are given a math problem and a proposed step-by-step solution:\n\n[Math Problem]\n\n{problem}\n\n"
    "[Solution]\n\n{solution}\n\n{task}"
)
TASK = (
    "Review and critique each step in the proposed solution to determine whether each step is correct. "
    "If the solution is incomplete, only verify the provided steps."
)
OPENING = "\nLet's verify step by step:"
ASKED = "Is the solution correct?"
QUESTION = f"\n{ASKED}"
THOUGHT_END = "</think>"
STOPS = (THOUGHT_END, ASKED)
RETHINK = ("Let me double check", "Let's verify again", "Did I miss something?")
"""What each further round of thinking begins with, at most three."""
TRAINED_HERE = ThinkSettings(temperature=0.7, opening=OPENING, verdicts="by heading", keep_end=False)
"""Settings of a model that was trained on `genprm.training.think_data`."""
SEVERAL = 0.4
"""Temperature of several chains of a published model."""
_KEPT = ("rewards", "path_rewards", "prompt_tokens", "tokens", "outcome", "unjudged", "undecided")
"""Fields of a path that are kept."""
_STEP_PREFIX = re.compile(r"Step \d+:")
_TEXT = re.compile(r"\\text\{([^}]*)\}")
_BOXED = re.compile(r"\\boxed\{\s*(correct|incorrect)\s*\}")
_VERDICT = re.compile(r"^[\s*#>]*Step (\d+)\b|\\boxed\{\s*(correct|incorrect)\s*\}", re.MULTILINE)


def question(problem: str, steps: Sequence[str]) -> str:
    """What the model is asked about a solution."""
    return PROMPT.format(problem=problem, solution=solution_text(steps), task=TASK)


def solution_text(steps: Sequence[str]) -> str:
    """Steps numbered from 1, a line each.

    >>> solution_text(["Step 1: Add.", "Divide."])
    'Step 1: Add.\\nStep 2: Divide.'
    """
    bare = [_STEP_PREFIX.sub("", step).strip() for step in steps]
    return "\n".join(f"Step {number}: {step}" for number, step in enumerate(bare, start=1))


def read_verdicts(text: str, steps: int) -> list[float]:
    r"""A reward per step from the boxed verdicts: 1 correct, 0 incorrect, 0.5 where there is none.

    A verdict belongs to the step whose heading (`Step n` at line start) came last, or else to the step after that
    of the verdict before it. A later verdict on the same step replaces an earlier one.

    >>> read_verdicts("Step 1: fine \\boxed{correct}\nStep 3: \\boxed{incorrect}", 3)
    [1.0, 0.5, 0.0]
    """
    rewards = [UNDECIDED] * steps
    current, headed = 0, False
    for heading, verdict in _VERDICT.findall(text):
        if heading:
            current, headed = int(heading), True
            continue
        current, headed = (current if headed else current + 1), False
        if 1 <= current <= steps:
            rewards[current - 1] = float(verdict == "correct")
    return rewards


def read_in_order(text: str, steps: int) -> tuple[list[float], list[int]]:
    r"""A reward per step, and the steps (from 0) without a verdict up to the first wrong one, as the authors count.

    The k-th boxed verdict is that of step k; steps without a verdict get 0 (wrong).

    >>> read_in_order("Step 1: \\boxed{correct}\nStep 3: \\boxed{\\text{correct}}", 3)
    ([1.0, 1.0, 0.0], [2])
    """
    said = [float(word == "correct") for word in _BOXED.findall(_TEXT.sub(r"\1", text))][:steps]
    silent = range(len(said), steps)
    return said + [0.0] * len(silent), [] if 0.0 in said else list(silent)


def read_by_heading(text: str, steps: int) -> tuple[list[float], list[int]]:
    """`read_verdicts`, and the steps (from 0) without a verdict up to the first wrong one."""
    rewards = read_verdicts(text, steps)
    reached = rewards[: rewards.index(0.0)] if 0.0 in rewards else rewards
    return rewards, [step for step, reward in enumerate(reached) if reward == UNDECIDED]


def read_outcome(positions: Iterable[Mapping[str, float]]) -> tuple[float, Verdict]:
    """P(yes) between yes and no, in any case of letters, from the log-probabilities (nats) of the next tokens, and
    the more probable of them; 0.5 and "none" where neither is probable.

    A tokenizer has the word and the space before it in one token or in two, so the outcome is read at the first
    position where the most probable token is not a space alone.

    >>> read_outcome([{" ": math.log(0.9)}, {"yes": math.log(0.25), "No": math.log(0.25)}])
    (0.5, 'Yes')
    """
    logprobs = next((top for top in positions if not max(top, key=top.__getitem__).isspace()), {})
    mass: dict[str, float] = {}
    for token, logprob in logprobs.items():
        word = token.strip().capitalize()
        mass[word] = mass.get(word, 0.0) + math.exp(logprob)
    return read_reward({word: math.log(share) for word, share in mass.items() if share})


def average(paths: Sequence[SolutionScore]) -> SolutionScore:
    """Parallel scaling: the verifications of one solution as one score, verdicts and outcomes averaged.

    Raises:
        ValueError: no paths.
    """
    verdicts = [path.rewards for path in paths]
    return SolutionScore(
        rewards=majority_rewards(verdicts),
        path_rewards=verdicts,
        prompt_tokens=sum(path.prompt_tokens for path in paths),
        tokens=sum(path.tokens for path in paths),
        outcome=statistics.fmean(UNDECIDED if path.outcome is None else path.outcome for path in paths),
        unjudged=sorted(set.intersection(*(set(path.unjudged) for path in paths))),
        undecided=all(path.undecided for path in paths),
    )


@dataclass(slots=True)
class _Path:
    """One verification while it is written."""

    text: str
    outcome: float = UNDECIDED
    undecided: bool = True
    """Whether there is no outcome."""
    tokens: int = 0
    prompt_tokens: int = 0
    cut: bool = False
    """Whether it ran out of tokens or of context."""
    empty: bool = True
    """Whether nothing was thought."""

    def count(self, completion: Completion, first: bool) -> None:
        """Add the tokens of a completion. The tokens of the prompt count once, in the `first`."""
        self.tokens += completion.tokens
        self.prompt_tokens += completion.prompt_tokens if first else 0
        self.cut |= completion.finish_reason == "length"

    def score(self, rewards: list[float], unjudged: list[int]) -> SolutionScore:
        """The path as a score, once it is written."""
        return SolutionScore(
            rewards,
            [rewards],
            self.prompt_tokens,
            self.tokens,
            outcome=self.outcome,
            unjudged=unjudged,
            undecided=self.undecided,
        )


class ThinkPRM(GenerativeRewardModel):
    """`votes` independent verifications of a whole solution.

    The reward of a step is the mean of its verdicts over the paths; the outcome is the mean of P(yes), 0.5 for a
    path that filled the context before it could be asked.

    `generation_prompt` says whether an answer begins with the template's generation prompt, which may open a
    thought (the published models), or like a finished turn (the models trained here).

    Raises:
        ValueError: fewer than one path.
    """

    def __init__(
        self,
        engine: Engine,
        votes: int = 1,
        settings: ThinkSettings | None = None,
        generation_prompt: bool = True,
        paths: Paths | None = None,
    ) -> None:
        super().__init__(engine)
        if votes < 1:
            raise ValueError(f"votes is {votes}, allowed: a whole number from 1")
        self._votes = votes
        self._settings = settings or ThinkSettings()
        sampled = SEVERAL if votes > 1 else 0.0
        self._temperature = sampled if self._settings.temperature is None else self._settings.temperature
        self._read = read_in_order if self._settings.verdicts == "in order" else read_by_heading
        self._generation_prompt = generation_prompt
        self._paths = paths or Paths()

    async def judge(self, solution: StepwiseSolution) -> SolutionScore:
        """Write all paths at once."""
        return average(await together([self._kept(solution, number) for number in range(self._votes)]))

    async def _kept(self, solution: StepwiseSolution, number: int) -> SolutionScore:
        """A path that was finished before, or else a new one, which is kept."""
        found = self._paths.get(solution, number)
        if found is not None:
            return SolutionScore(**found)
        path = await self.verify(solution.problem, solution.steps, number)
        kept = dataclasses.asdict(path)
        self._paths.put(solution, number, {name: kept[name] for name in _KEPT})
        return path

    async def verify(self, problem: str, steps: Sequence[str], number: int) -> SolutionScore:
        """One path; its number (from 0) decides its seed, whatever the number of votes."""
        path = await self._verify(self._prompt(problem, steps), case_id(problem, steps), number)
        verdicts, silent = self._read(path.text, len(steps))
        self.count(VerdictCounts(len(steps), 0, len(silent), texts=1, cut=path.cut, empty=path.empty))
        return path.score(verdicts, silent)

    def ask(self, problem: str, steps: Sequence[str]) -> str:
        """What the model is asked about a solution."""
        return question(problem, steps)

    def _prompt(self, problem: str, steps: Sequence[str]) -> str:
        asked = [Message("user", self.ask(problem, steps))]
        if self._generation_prompt:
            return self.engine.render(asked, prefill="")
        return before_turn(self.engine, asked, self._settings.opening)

    async def _verify(self, prompt: str, name: str, number: int) -> _Path:
        path = _Path(self._settings.opening)
        try:
            await self._write(path, prompt, name, number)
            await self._ask(path, prompt)
        except ContextFull:  # what was written up to here counts; the outcome stays undecided
            path.cut = True
        return path

    async def _write(self, path: _Path, prompt: str, name: str, number: int) -> None:
        settings = self._settings
        for turn in range(settings.rounds):
            if turn:
                path.text += RETHINK[turn - 1]
            sampling = Sampling(
                max_tokens=settings.max_tokens,
                temperature=self._temperature,
                stop=STOPS,
                seed=derived_seed(settings.seed, name, number, turn, "think"),
            )
            (thought,) = await self.engine.complete(prompt + path.text, sampling)
            ended = turn == settings.rounds - 1 and thought.stop == THOUGHT_END
            path.text += thought.text if settings.keep_end and ended else _until_stop(thought)
            path.empty &= not _until_stop(thought).strip()
            path.count(thought, first=turn == 0)

    async def _ask(self, path: _Path, prompt: str) -> None:
        path.text += QUESTION
        ask = Sampling(max_tokens=2, temperature=0.0, logprobs=VERDICT_LOGPROBS)
        (answer,) = await self.engine.complete(prompt + path.text, ask)
        path.tokens += answer.tokens
        path.outcome, verdict = read_outcome(answer.top_logprobs)
        path.undecided = verdict == "none"


def _until_stop(thought: Completion) -> str:
    """The thought without its stop string: the final question is asked again, on a line of its own."""
    text = thought.text if thought.stop is None else thought.text.removesuffix(thought.stop)
    return text.removesuffix("\n") if thought.stop == ASKED else text


def think_settings(settings: ThinkSettings, asking: Asking) -> ThinkSettings:
    """Settings of a model with the seed of a profile's verifier and the user's changes.

    Raises:
        SettingsError: a change that is not allowed.
    """
    if asking.verifier is not None:
        settings = settings.model_copy(update={"seed": asking.verifier.seed})
    return asked_with(asking, settings)


def open_thinkprm(model: str, machine: Machine, asking: Asking) -> RewardModel:
    """A ThinkPRM on an engine: a published one, or one that was trained here, as its manifest says.

    Raises:
        InputError: a mode.
        SettingsError: a change that is not allowed.
        EngineError: a file is missing or wrong.
    """
    refuse_mode(model, asking)
    manifest = read_manifest(Path(model))
    trained_here = manifest is not None and manifest.adapter == THINKPRM
    return ThinkPRM(
        machine.engine(model),
        asking.votes,
        settings=think_settings(TRAINED_HERE if trained_here else ThinkSettings(), asking),
        generation_prompt=not trained_here,
        paths=asking.paths,
    )


register(
    Adapter(
        THINKPRM,
        open_thinkprm,
        dict.fromkeys(("launch/ThinkPRM-1.5B", "launch/ThinkPRM-7B", "launch/ThinkPRM-14B"), THRESHOLD),
    )
)
