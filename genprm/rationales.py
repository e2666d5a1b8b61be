"""Code-verified rationales (paper 4.2): a strong model judges the policy's solutions step by step."""

from __future__ import annotations

from genprm.modes import Mode
from genprm.records import Rationale, Solution
from genprm.verification.rewards import first_error, rewards
from genprm.verification.verifier import Verifier, up_to_first_error


async def judge_solution(solution: Solution, verifier: Verifier, mode: Mode) -> Rationale:
    """The rationale of one solution, up to and including the first step that is judged wrong.

    The reference answer and the labels are not shown to the model.

    Raises:
        EngineError, SandboxError: with the solution's id and the step named.
    """
    verification = await verifier.verify(
        solution.id, solution.problem, solution.steps, mode, go_on=up_to_first_error()
    )
    return Rationale(
        solution_id=solution.id,
        problem=solution.problem,
        steps=solution.steps,
        judged_first_error=first_error(rewards(verification)),
        verification=verification,
    )
