r"""LLM as a judge: any model writes one critique of a whole solution and names the first wrong step (paper 5.2).

Several critiques vote on that step. Limits, sampling, and the reading of a critique are those of ProcessBench for
its critics (`code/run_eval.py`); the wording of the request is ours.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from genprm.engines.base import Completion, ContextFull, Engine
from genprm.event_loops import together
from genprm.records import NO_ERROR, Message, StepwiseSolution
from genprm.reward_models.base import Asking, RewardModel, SolutionScore, VerdictCounts
from genprm.reward_models.generative import GenerativeRewardModel
from genprm.reward_models.registry import Adapter, Machine, asked_with, refuse_mode, register
from genprm.seeds import case_id, derived_seed
from genprm.settings import JudgeSettings, SamplingSettings
from genprm.steps import sampling_of
from genprm.verification.rewards import UNDECIDED
from genprm.verification.voting import majority_rewards

JUDGE = "judge"
"""Name of the adapter that makes any chat model a judge."""
PROMPT = (
    "Check the solution below step by step. Recompute what can be computed, and look for the first step that "
    "contains a mistake: a wrong calculation, an unjustified claim, or a misread problem. A step is not at fault "
    "for building on a mistake that was made before it.\n\n"
    "Problem:\n{problem}\n\nSolution:\n{solution}\n\n"
    "Go through the steps in order and stop at the first mistake. End with the number of the first wrong step in a "
    "box, like \\boxed{{{example}}}, or with \\boxed{{-1}} if every step is right."
)
MAX_TOKENS, LONG_TOKENS = 8192, 32768
LONG_THINKERS = ("qwq", "-r1")
"""Parts of the names of models that think at length and get `LONG_TOKENS`: QwQ in ProcessBench, R1-Distill in the
GenPRM paper."""
GREEDY = SamplingSettings(temperature=0.0)
SEVERAL = SamplingSettings(temperature=1.0, top_p=0.9)
SEVERAL_QWEN_MATH = SamplingSettings(temperature=0.7, top_p=0.8, top_k=20)
"""For models with `Qwen2.5-Math` in their name, which write nothing useful at temperature 1."""
_BOX = re.compile(r"\\boxed\{([^}]*)\}")


def prompt_text(problem: str, steps: Sequence[str]) -> str:
    """The request, with the steps under headings numbered from 1."""
    solution = "\n\n".join(f"[Step {number}]\n{step.strip()}" for number, step in enumerate(steps, start=1))
    return PROMPT.format(problem=problem.strip(), solution=solution, example=len(steps))


def read_index(critique: str, steps: int) -> int | None:
    r"""0-based index of the first wrong step from the last box, -1 for none, None where it holds neither.

    >>> read_index("I first thought \\boxed{1}, but \\boxed{2}.", 3), read_index("\\boxed{4}", 3)
    (1, None)
    """
    return box_index(last_box(critique), steps)


def last_box(critique: str) -> str | None:
    r"""What the last box of a critique holds, a number or not; None where nothing is boxed.

    >>> last_box("Step \\boxed{2}? No, \\boxed{none}."), last_box("I do not know.")
    ('none', None)
    """
    boxes = _BOX.findall(critique)
    return str(boxes[-1]).strip() if boxes else None


def box_index(box: str | None, steps: int) -> int | None:
    """0-based index of the step that a box names, -1 for no wrong step; None where it is neither.

    >>> box_index("2", 3), box_index("-1", 3), box_index("7", 3), box_index("none", 3)
    (1, -1, None, None)
    """
    try:
        number = int(box or "")
    except ValueError:
        return None
    if number == NO_ERROR:
        return NO_ERROR
    return number - 1 if 1 <= number <= steps else None


def vote(boxes: Sequence[str | None], steps: int) -> int:
    """The index that is boxed most often, and of equals the one boxed first; the number of steps if the winning box
    names no step.

    Every box is a vote, also one that names no step of the solution: it can win, and is then never right.

    >>> vote(["3", None, "-1", "3"], steps=3), vote(["9", "9", "1"], steps=3), vote([None], steps=3)
    (2, 3, 3)
    """
    counted = Counter(box for box in boxes if box is not None)
    index = box_index(counted.most_common(1)[0][0], steps) if counted else None
    return steps if index is None else index


def judge_sampling(model: str, votes: int, settings: JudgeSettings) -> SamplingSettings:
    """How critiques are sampled: as in ProcessBench, except for the values that `settings` give."""
    several = SEVERAL_QWEN_MATH if "Qwen2.5-Math" in model else SEVERAL
    base = several if votes > 1 else GREEDY
    long = any(name in model.lower() for name in LONG_THINKERS)
    own = {"max_tokens": LONG_TOKENS if long else MAX_TOKENS}
    own |= {name: value for name, value in settings.model_dump(exclude={"seed"}).items() if value is not None}
    return base.model_copy(update=own)


def index_rewards(index: int | None, steps: int) -> list[float]:
    """One critique as rewards: 1 before the first wrong step, 0 from it on; 0.5 throughout where none was read.

    >>> index_rewards(1, 3), index_rewards(-1, 2)
    ([1.0, 0.0, 0.0], [1.0, 1.0])
    """
    if index is None:
        return [UNDECIDED] * steps
    return [float(index == NO_ERROR or t < index) for t in range(steps)]


def _counted(critiques: Sequence[Completion], indices: Sequence[int | None]) -> VerdictCounts:
    cut = sum(critique.finish_reason == "length" for critique in critiques)
    empty = sum(not critique.text.strip() for critique in critiques)
    return VerdictCounts(len(indices), 0, indices.count(None), len(critiques), cut, empty)


class LLMJudge(GenerativeRewardModel):
    """`votes` critiques by any chat model.

    The verdict is the vote; the reward of a step is the share of readable critiques that find no error up to it.
    """

    def __init__(self, engine: Engine, sampling: SamplingSettings, votes: int = 1, seed: int = 0) -> None:
        super().__init__(engine)
        self._sampling = sampling
        self._votes = votes
        self._seed = seed

    async def judge(self, solution: StepwiseSolution) -> SolutionScore:
        """Sample all critiques at once."""
        problem, steps = solution.problem, solution.steps
        prompt = self.engine.render([Message("user", prompt_text(problem, steps))], prefill="")
        name = case_id(problem, steps)
        try:
            seeds = [derived_seed(self._seed, name, path, 0, "critique") for path in range(self._votes)]
            requests = [self.engine.complete(prompt, sampling_of(self._sampling, seed)) for seed in seeds]
            critiques = [critique for (critique,) in await together(requests)]
        except ContextFull:  # all critiques have the same prompt
            critiques = [Completion("", 0, "length")] * self._votes
        boxes = [last_box(critique.text) for critique in critiques]
        indices = [box_index(box, len(steps)) for box in boxes]
        self.count(_counted(critiques, indices))
        readable = [index_rewards(index, len(steps)) for index in indices if index is not None]
        return SolutionScore(
            rewards=majority_rewards(readable or [index_rewards(None, len(steps))]),
            path_rewards=[index_rewards(index, len(steps)) for index in indices],
            prompt_tokens=sum(critique.prompt_tokens for critique in critiques),
            tokens=sum(critique.tokens for critique in critiques),
            verdict=vote(boxes, len(steps)),
            unjudged=[] if readable else list(range(len(steps))),
        )


def open_judge(model: str, machine: Machine, asking: Asking) -> RewardModel:
    """Any chat model as a judge.

    Raises:
        InputError: a mode.
        SettingsError: a change that is not allowed.
        EngineError: no such model, or it cannot be loaded.
    """
    refuse_mode(model, asking)
    settings = asked_with(asking, JudgeSettings())
    sampling = judge_sampling(model, asking.votes, settings)
    return LLMJudge(machine.engine(model), sampling, asking.votes, settings.seed)


register(Adapter(JUDGE, open_judge, {}))
