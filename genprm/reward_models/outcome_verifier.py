"""A generative outcome verifier: one critique of a whole solution, then P(yes) that it is right (GenRM-CoT, arXiv
2408.15240).

It says nothing about single steps. Where a wrong step has to be named, it is the last one, which states the answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from genprm.reward_models.base import Asking, RewardModel, SolutionScore, VerdictCounts
from genprm.reward_models.registry import Adapter, Machine, refuse_mode, register
from genprm.reward_models.think_prm import TASK, TRAINED_HERE, ThinkPRM, question, think_settings
from genprm.seeds import case_id

OUTCOME_VERIFIER = "outcome-verifier"
"""Name of its adapter, also in the manifest of an outcome verifier that was trained here."""
OUTCOME_TASK = "Review the proposed solution to determine whether its final answer is correct."


def about_outcome(question: str) -> str:
    """Turn a ThinkPRM's question about the steps of a solution into one about the solution as a whole."""
    return question.removesuffix(TASK) + OUTCOME_TASK


class OutcomeVerifier(ThinkPRM):
    """`votes` independent critiques; the outcome is the mean of P(yes)."""

    async def verify(self, problem: str, steps: Sequence[str], number: int) -> SolutionScore:
        """One path; its number (from 0) decides its seed, whatever the number of votes."""
        path = await self._verify(self._prompt(problem, steps), case_id(problem, steps), number)
        rewards = [1.0] * (len(steps) - 1) + [path.outcome]
        self.count(VerdictCounts(1, missing=path.undecided, texts=1, cut=path.cut, empty=path.empty))
        return path.score(rewards, [len(steps) - 1] if path.undecided else [])

    def ask(self, problem: str, steps: Sequence[str]) -> str:
        """What the model is asked about a solution."""
        return about_outcome(question(problem, steps))


def open_outcome_verifier(model: str, machine: Machine, asking: Asking) -> RewardModel:
    """An outcome verifier that was trained here, on an engine.

    Raises:
        InputError: a mode.
        SettingsError: a change that is not allowed.
        EngineError: a file is missing or wrong.
    """
    refuse_mode(model, asking)
    return OutcomeVerifier(
        machine.engine(model),
        asking.votes,
        settings=think_settings(TRAINED_HERE, asking),
        generation_prompt=False,
        paths=asking.paths,
    )


register(Adapter(OUTCOME_VERIFIER, open_outcome_verifier, {}))
