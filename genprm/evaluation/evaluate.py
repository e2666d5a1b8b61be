"""Judging benchmark cases: the verification paths of every case at once, then the vote (paper 4.3 and 5.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from genprm.evaluation.metrics import THRESHOLD
from genprm.event_loops import together
from genprm.modes import Mode
from genprm.records import BenchmarkCase, Prediction, Verification, VoteReading
from genprm.verification.rewards import first_error, rewards
from genprm.verification.verifier import Verifier
from genprm.verification.voting import executions, majority_rewards, verify_votes, vote_reading


class Paths(Protocol):
    """Verification paths that were judged before, and where those of now are kept."""

    def known(self, case: BenchmarkCase) -> dict[int, Verification]:
        """The paths of a case by their number."""
        ...

    def keep(self, case: BenchmarkCase, path: Verification) -> None:
        """Keep a finished path."""
        ...


class NoPaths:
    """Nothing is known and nothing is kept."""

    def known(self, case: BenchmarkCase) -> dict[int, Verification]:
        """None."""
        return {}

    def keep(self, case: BenchmarkCase, path: Verification) -> None:
        """Forget it."""


def prediction_of(
    case: BenchmarkCase,
    prediction: int,
    rewards: list[float],
    path_rewards: list[list[float]],
    tokens: int,
    prompt_tokens: int,
    executions: int = 0,
    reading: VoteReading | None = None,
) -> Prediction:
    """A case with what some model says of it; the arguments are fields of `Prediction`."""
    return Prediction(
        id=case.id,
        subset=case.subset,
        generator=case.generator,
        problem=case.problem,
        steps=case.steps,
        final_answer_correct=case.final_answer_correct,
        label=case.label,
        prediction=prediction,
        rewards=rewards,
        path_rewards=path_rewards,
        tokens=tokens,
        prompt_tokens=prompt_tokens,
        executions=executions,
        reading=reading,
    )


def voted_prediction(
    case: BenchmarkCase, paths: Sequence[Verification], threshold: float = THRESHOLD
) -> Prediction:
    """A case with the vote of its verification paths: Maj@N for several, Pass@1 for one.

    `rewards` are the means over all paths (paper eq. 7), as far as all paths go; the prediction is the first one
    below the threshold, else -1. Paths as `verify_votes` ends them give the prediction of paths over all steps.
    """
    path_rewards = [rewards(path) for path in paths]
    together_for = min(len(path) for path in path_rewards)
    mean = majority_rewards([path[:together_for] for path in path_rewards])
    return prediction_of(
        case,
        first_error(mean, threshold),
        mean,
        path_rewards,
        tokens=sum(path.tokens for path in paths),
        prompt_tokens=sum(path.prompt_tokens for path in paths),
        executions=executions(paths),
        reading=vote_reading(paths),
    )


async def evaluate_cases(
    cases: Sequence[BenchmarkCase],
    verifier: Verifier,
    mode: Mode,
    votes: int = 1,
    threshold: float = THRESHOLD,
    progress: Callable[[int], None] = lambda finished: None,
    paths: Paths | None = None,
) -> list[Prediction]:
    """Predictions for all cases, in order. All cases and paths are in flight at once; the verifier bounds them.

    Args:
        progress: called with 1 whenever a case is finished.
        paths: what was judged before, and where paths are kept as soon as they are finished.

    Raises:
        EngineError, SandboxError: as raised by the verifier; the other cases are cancelled first.
    """
    store = paths or NoPaths()

    async def judged(case: BenchmarkCase) -> Prediction:
        found = await verify_votes(
            verifier,
            case.id,
            case.problem,
            case.steps,
            mode,
            votes,
            threshold,
            known=store.known(case),
            done=lambda path: store.keep(case, path),
        )
        progress(1)
        return voted_prediction(case, found, threshold)

    return await together([judged(case) for case in cases])
