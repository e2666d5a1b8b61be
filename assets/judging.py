"""Judging of solutions by models of the line-up, on this process's machines."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from assets.artifact import ArtifactContext, Table
from assets.deciding import decided_by
from assets.resources import Verified
from genprm.checkpoints import Checkpoint
from genprm.evaluation.evaluate import as_solution, predict
from genprm.lineup import Model
from genprm.records import BenchmarkCase, Prediction, StepwiseSolution, Verification, VoteReading
from genprm.reward_models.base import Asking, Progress, RewardModel, SolutionScore
from genprm.reward_models.registry import adapter_named
from genprm.tables import to_dict
from genprm.training.recipes import PathKeys
from genprm.verification.voting import joined_reading
from genprm.view.runs import TRANSCRIPTS

JUDGING_VERSION = "3"


@dataclass(frozen=True)
class Judge:
    """A model of the line-up with the weights that it judges with. It samples `votes` paths over each solution, if
    it samples at all."""

    context: ArtifactContext
    model: Model
    checkpoint: Checkpoint
    votes: int

    def score(
        self,
        rows: Mapping[StepwiseSolution, tuple[Any, ...]],
        version: str,
        until: float | None = None,
        kept_texts: int = 0,
    ) -> dict[StepwiseSolution, SolutionScore]:
        """Score the rows of an artifact; `version` is the version of its way of judging.

        Args:
            rows: each solution with the values that identify it, by which paths are found again in the journal.
            until: a reward; paths are judged no further than it takes to find the first reward below it.
            kept_texts: how many paths of a verifier, from the first, are kept and returned with their text, the
                rest without it; when it is 0, no paths are returned.

        Raises:
            EngineError, SandboxError: as raised by the model.
        """
        verifier, recipe, mode = self.context.profile.evaluation.verifier, self.model.recipe, self.model.mode
        further = () if until is None else (until,)
        keys = PathKeys(version, self.checkpoint.version, mode, verifier, rows, further)
        machines = self.context.machines
        with self.context.journal() as journal:
            paths = recipe.paths(journal, keys)
            asking = Asking(
                self.votes, recipe.asked_in(mode), verifier, until=until, kept_texts=kept_texts, paths=paths
            )
            judge = adapter_named(recipe.adapter).open(self.checkpoint.weights, machines, asking)
            scores = machines.run(_score_and_free(judge, list(rows), self.context.advance(len(rows))))
        return dict(zip(rows, scores, strict=True))

    def run_parameters(self, **on: str) -> dict[str, object]:
        """The parameters of the tracked run: what is judged and how, and all values that affect the judgement."""
        sandbox = self.context.machines.sandbox().description() if self.model.mode.runs else None
        return {
            "model": self.model.key,
            **on,
            "mode": self.model.judging,
            "votes": self.votes,
            "sandbox": sandbox,
            **decided_by(self.context, self.model),
        }


async def _score_and_free(
    judge: RewardModel, solutions: Sequence[StepwiseSolution], progress: Progress
) -> list[SolutionScore]:
    try:
        return await judge.score_many(solutions, progress)
    finally:
        await judge.close()


class JudgedCases(NamedTuple):
    """A model's predictions for benchmark cases, in order, and its paths where any text is kept: those of each case
    by number."""

    predictions: list[Prediction]
    transcripts: list[Verification]

    def verified(self, context: ArtifactContext, model: Model) -> Verified:
        """The form in which the tracked run logs them."""
        evaluation = context.profile.evaluation
        return Verified(model.key, evaluation.source, evaluation.threshold, self.predictions, self.transcripts)

    def tables(self) -> list[Table]:
        """Predictions, and beside them the transcripts of a model that wrote any."""
        kept = Table(Verification, self.transcripts, TRANSCRIPTS, decides=False)
        return [Table(Prediction, self.predictions), *([kept] if self.transcripts else [])]


def judge_cases(judge: Judge, cases: Sequence[BenchmarkCase]) -> JudgedCases:
    """Judge benchmark cases; no path goes further than Maj@N and Pass@1 need."""
    evaluation = judge.context.profile.evaluation
    threshold, rows = evaluation.threshold, {as_solution(case): (to_dict(case),) for case in cases}
    scores = judge.score(rows, JUDGING_VERSION, threshold, evaluation.kept_paths)
    found = [(case, scores[as_solution(case)]) for case in cases]
    return JudgedCases(
        [predict(case, score, threshold) for case, score in found],
        [path for _, score in found for path in score.verifications],
    )


def read_from(readings: Iterable[VoteReading]) -> str:
    """How the rewards of an artifact were read, as metadata shows it."""
    return json.dumps(dataclasses.asdict(joined_reading(readings)))
