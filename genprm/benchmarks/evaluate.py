"""Judging benchmark cases: every verification path of every case at once, then the vote (paper 4.3 and 5.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from genprm.benchmarks.metrics import THRESHOLD
from genprm.event_loops import together
from genprm.records import BenchmarkCase, Prediction, Verification
from genprm.scaling.voting import majority_rewards
from genprm.settings import Mode
from genprm.verifier import Verifier, first_error, rewards


def prediction_of(case: BenchmarkCase, paths: Sequence[Verification], threshold: float = THRESHOLD) -> Prediction:
    """A case with the vote of its verification paths.

    The mean reward of a step is over the paths that still judge it: a path that stopped at its first error has no
    say in later steps. The prediction is the first step whose mean is below the threshold, else -1. For one path
    this is exactly what judging all steps gives; for several it is Maj@N with fewer than N voices at late steps.
    """
    path_rewards = [rewards(path) for path in paths]
    mean = majority_rewards(path_rewards)
    return Prediction(
        id=case.id,
        subset=case.subset,
        generator=case.generator,
        problem=case.problem,
        steps=case.steps,
        final_answer_correct=case.final_answer_correct,
        label=case.label,
        prediction=first_error(mean, threshold),
        rewards=mean,
        path_rewards=path_rewards,
        tokens=sum(path.tokens for path in paths),
        prompt_tokens=sum(path.prompt_tokens for path in paths),
    )


async def evaluate_case(
    case: BenchmarkCase, verifier: Verifier, mode: Mode, votes: int = 1, threshold: float = THRESHOLD
) -> Prediction:
    """One case judged on `votes` independent paths, each stopped at its first error.

    Raises:
        EngineError, SandboxError: as raised by the verifier.
    """
    paths = await together(
        verifier.verify(
            case.id, case.problem, case.steps, mode, path, stop_at_first_error=True, threshold=threshold
        )
        for path in range(votes)
    )
    return prediction_of(case, paths, threshold)


async def evaluate_cases(
    cases: Sequence[BenchmarkCase],
    verifier: Verifier,
    mode: Mode,
    votes: int = 1,
    threshold: float = THRESHOLD,
    progress: Callable[[int], None] | None = None,
) -> list[Prediction]:
    """Predictions for all cases, in order. All cases and paths are in flight at once; the engine bounds them.

    `progress` is called with 1 whenever a case is finished.

    Raises:
        EngineError, SandboxError: as raised by the verifier; the other cases are cancelled first.
    """

    async def judged(case: BenchmarkCase) -> Prediction:
        prediction = await evaluate_case(case, verifier, mode, votes, threshold)
        if progress is not None:
            progress(1)
        return prediction

    return await together(judged(case) for case in cases)
