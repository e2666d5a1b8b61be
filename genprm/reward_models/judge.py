r"""LLM as a judge: any model writes one critique of a whole solution and names the first wrong step (paper 5.2).

Several critiques are put to the vote on that step, as ProcessBench does for its critics.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from genprm.engines.base import Completion, ContextFull, Engine, Sampling
from genprm.event_loops import together
from genprm.records import NO_ERROR, Message, StepwiseSolution
from genprm.reward_models.base import Asking, RewardModel, SolutionScore
from genprm.reward_models.generative import GenerativeRewardModel
from genprm.reward_models.registry import Adapter, Machine, refuse_mode, register
from genprm.seeds import case_id, derived_seed
from genprm.settings import SamplingSettings, VerifierSettings
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
_BOXED = re.compile(r"\\boxed\{\s*(-?\d+)\s*\}")


def prompt_text(problem: str, steps: Sequence[str]) -> str:
    """The request, with the steps under headings numbered from 1."""
    solution = "\n\n".join(f"[Step {number}]\n{step.strip()}" for number, step in enumerate(steps, start=1))
    return PROMPT.format(problem=problem.strip(), solution=solution, example=len(steps))


def read_index(critique: str, steps: int) -> int | None:
    r"""0-based index of the first wrong step from the last box, -1 for none, None where nothing valid is boxed.

    >>> read_index("I first thought \\boxed{1}, but \\boxed{2}.", 3), read_index("\\boxed{4}", 3)
    (1, None)
    """
    boxes = _BOXED.findall(critique)
    number = int(boxes[-1]) if boxes else 0
    if number == NO_ERROR:
        return NO_ERROR
    return number - 1 if 1 <= number <= steps else None


def vote(indices: Sequence[int | None], steps: int) -> int:
    """The index named most often, of several the one named first; the number of steps if nothing could be read.

    >>> vote([2, None, -1, 2], steps=3), vote([None], steps=3)
    (2, 3)
    """
    readable = Counter(index for index in indices if index is not None)
    return readable.most_common(1)[0][0] if readable else steps


def index_rewards(index: int | None, steps: int) -> list[float]:
    """One critique as rewards: 1 before the first wrong step, 0 from it on; 0.5 throughout where none was read.

    >>> index_rewards(1, 3), index_rewards(-1, 2)
    ([1.0, 0.0, 0.0], [1.0, 1.0])
    """
    if index is None:
        return [UNDECIDED] * steps
    return [float(index == NO_ERROR or t < index) for t in range(steps)]


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
        """All critiques at once."""
        problem, steps = solution.problem, solution.steps
        prompt = self.engine.render([Message("user", prompt_text(problem, steps))], prefill="")
        name = case_id(problem, steps)
        try:
            requests = [self.engine.complete(prompt, self._request(name, path)) for path in range(self._votes)]
            critiques = [critique for (critique,) in await together(requests)]
        except ContextFull:  # the prompt is that of all critiques
            critiques = [Completion("", 0, "length")] * self._votes
        indices = [read_index(critique.text, len(steps)) for critique in critiques]
        readable = [index_rewards(index, len(steps)) for index in indices if index is not None]
        return SolutionScore(
            rewards=majority_rewards(readable or [index_rewards(None, len(steps))]),
            path_rewards=[index_rewards(index, len(steps)) for index in indices],
            prompt_tokens=sum(critique.prompt_tokens for critique in critiques),
            tokens=sum(critique.tokens for critique in critiques),
            verdict=vote(indices, len(steps)),
        )

    def _request(self, name: str, path: int) -> Sampling:
        return Sampling(
            max_tokens=self._sampling.max_tokens,
            temperature=self._sampling.temperature,
            top_p=self._sampling.top_p,
            top_k=self._sampling.top_k,
            seed=derived_seed(self._seed, name, path, 0, "critique"),
        )


def open_judge(model: str, machine: Machine, asking: Asking) -> RewardModel:
    """Any chat model as a judge.

    Raises:
        InputError: a mode.
        EngineError: no such model, or it cannot be loaded.
    """
    refuse_mode(model, asking)
    settings = asking.verifier or VerifierSettings()
    return LLMJudge(machine.engine(model), settings.sampling, asking.votes)


register(Adapter(JUDGE, open_judge, {}))
