"""Code-verified rationales (paper 4.2): a strong model judges the policy's solutions step by step."""

from __future__ import annotations

from genprm.data_sets.rows import InputError
from genprm.records import Rationale, Solution, StepwiseSolution
from genprm.reward_models.base import Asking, RewardModel
from genprm.settings import RationaleSettings
from genprm.verification.rewards import THRESHOLD, first_error, rewards

ONE_PATH = Asking(until=THRESHOLD, kept_texts=1)
"""How the rationale model is asked: one path with its text, up to the first step that it judges wrong."""


async def judge_solution(solution: Solution, model: RewardModel) -> Rationale:
    """The rationale of one solution by a model that is asked for one path with its text (`ONE_PATH`).

    The reference answer and the labels are not shown to the model.

    Raises:
        InputError: the model does not write how it judges.
        EngineError, SandboxError: with the solution's id and the step named.
    """
    (score,) = await model.score_many([StepwiseSolution(solution.problem, tuple(solution.steps), solution.id)])
    if not score.verifications:
        raise InputError(f"model {model.name!r} writes no verification that could be a rationale")
    verification = score.verifications[0]
    return Rationale(
        solution_id=solution.id,
        problem=solution.problem,
        steps=solution.steps,
        judged_first_error=first_error(rewards(verification)),
        verification=verification,
    )


TRIED = 5
"""Rationales that are checked before the cost of all others is spent."""


class FormatTrial:
    """Looks at the first rationales of a run, and stops it when the model does not know the turn format.

    A model that was never trained in the format, and is told nothing of it, writes to the end of its tokens: every
    verdict is forced, and consensus filtering drops all its rationales.
    """

    def __init__(self, settings: RationaleSettings) -> None:
        self._settings = settings
        self._unreadable = 0
        self._decided = False

    def look(self, rationale: Rationale) -> None:
        """Look at one more rationale.

        Raises:
            InputError: it is the fifth, and no step of the five had a verdict of its own or ran code.
        """
        self._decided = self._decided or is_readable(rationale)
        if self._decided:
            return
        self._unreadable += 1
        if self._unreadable == TRIED:
            settings = self._settings.verifier
            raise InputError(
                f"rationale model {self._settings.model!r} does not keep to the turn format: none of its first "
                f"{TRIED} rationales has a verdict of its own; say what is wanted in "
                "rationales.verifier.format.system, raise rationales.verifier.sampling.max_tokens (now "
                f"{settings.sampling.max_tokens}), or name a model that was trained in it in rationales.model"
            )


def is_readable(rationale: Rationale) -> bool:
    """Whether some step has a verdict that was not forced, or code that was run: code follows a closed analysis."""
    steps = rationale.verification.steps
    return any(step.executions or (step.verdict != "none" and not step.forced) for step in steps)
