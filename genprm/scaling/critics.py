"""Who finds the first wrong step of a solution, and says what is wrong with it (paper 5.3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from genprm.engines.base import ContextFull, Engine
from genprm.records import NO_ERROR, Message, StepwiseSolution, Verification
from genprm.reward_models.base import RewardModel
from genprm.reward_models.judge import prompt_text, read_index
from genprm.seeds import derived_seed
from genprm.settings import SamplingSettings
from genprm.steps import sampling_of
from genprm.verification.rewards import THRESHOLD


class Critique(NamedTuple):
    """What a critic found wrong: the 0-based step, the text of its critique, and all tokens that it wrote and read.

    `step` is None when nothing is wrong. `prompt_tokens` says how many of the tokens were read, `executions` counts
    the code blocks that were run.
    """

    step: int | None
    text: str
    tokens: int
    prompt_tokens: int = 0
    executions: int = 0


Critic = Callable[[str, str, Sequence[str]], Awaitable[Critique]]
"""Finds the first wrong step of a solution, given the name of the case, the problem and the steps."""


class RewardCritic:
    """A reward model as critic: the first step whose reward is below the threshold.

    The critique is the analysis of that step, without its `lead` and without code, on the first path that judges it
    wrong (as in the released refinement, only the text of `<analyze>` goes back to the policy). The critique of a
    model that is not asked for its texts, or writes none, names the step and has an empty text.
    """

    def __init__(self, model: RewardModel, threshold: float = THRESHOLD, lead: str = "") -> None:
        self._model = model
        self._threshold = threshold
        self._lead = lead

    async def __call__(self, case_id: str, problem: str, steps: Sequence[str]) -> Critique:
        """Judge on as many paths as the model takes.

        Raises:
            EngineError, SandboxError: as raised by the model.
        """
        (score,) = await self._model.score_many([StepwiseSolution(problem, tuple(steps), case_id)])
        spent = (score.tokens + score.prompt_tokens, score.prompt_tokens, score.executions)
        wrong = score.first_error(self._threshold)
        if wrong == NO_ERROR or wrong >= len(steps):
            return Critique(None, "", *spent)
        return Critique(wrong, self._said(score.verifications, wrong), *spent)

    def _said(self, paths: Sequence[Verification], wrong: int) -> str:
        blaming = [path.steps[wrong] for path in paths if path.steps[wrong].reward < self._threshold]
        return blaming[0].analysis.removeprefix(self._lead.format(number=wrong + 1)).strip() if blaming else ""


class JudgeCritic:
    """Any chat model as critic, the policy itself for self-refinement: it checks the whole solution in one text.

    If the text boxes -1, or no step of the solution, nothing counts as wrong. The same holds for a solution that
    does not fit into the model's context.
    """

    def __init__(self, engine: Engine, sampling: SamplingSettings, seed: int = 0) -> None:
        self._engine = engine
        self._sampling = sampling
        self._seed = seed

    async def __call__(self, case_id: str, problem: str, steps: Sequence[str]) -> Critique:
        """Write one critique.

        Raises:
            EngineError: as raised by the engine.
        """
        prompt = self._engine.render([Message("user", prompt_text(problem, steps))], prefill="")
        sampling = sampling_of(self._sampling, derived_seed(self._seed, "critique", case_id))
        try:
            (critique,) = await self._engine.complete(prompt, sampling)
        except ContextFull:
            return Critique(None, "", 0)
        spent = (critique.tokens + critique.prompt_tokens, critique.prompt_tokens)
        index = read_index(critique.text, len(steps))
        if index is None or index == NO_ERROR:
            return Critique(None, "", *spent)
        return Critique(index, critique.text.strip(), *spent)
