"""Verification paths of every model over every benchmark case (paper 5.2)."""

import dataclasses
import json
from collections.abc import Callable, Iterable
from typing import Any

import dagster as dg

from assets.checkpoints import read_checkpoint
from assets.parameters import VERIFICATION, reads_evaluation
from assets.pipeline import Model, Pipeline, dimension
from assets.publish import OWNERS, Check, Clock, Events, Table, as_key, examples, publish
from assets.surroundings import Machines, Progress, Store, Tracking
from genprm.benchmarks.evaluate import evaluate_cases
from genprm.benchmarks.metrics import SubsetScore, score, score_predictions, single_paths
from genprm.journal import Journal, row_key
from genprm.records import BenchmarkCase, Prediction, Verification, VoteReading, from_dict
from genprm.rewards import first_error
from genprm.scaling.voting import joined_reading
from genprm.verification_path import EXECUTED
from genprm.verifier import Verifier

CODE_VERSION = "3"
ALL = Check("all_cases", "Every case of the subset has one prediction, in order.")
PATHS = Check("votes", "Every case has the same number of paths, with rewards in [0, 1].")
VERDICT = Check("first_below_threshold", "The prediction is the first reward below the threshold, -1 if none is.")


def votes_of(pipeline: Pipeline, model: Model) -> int:
    """Paths per case. A direct verdict is read off, not sampled: one path says all that many would."""
    if model.mode == "direct":
        return 1
    evaluation = pipeline.profile.evaluation
    voted = model.trained and model.mode == "full"
    return evaluation.votes if voted else evaluation.other_votes or evaluation.votes


def define(pipeline: Pipeline) -> dg.AssetsDefinition:
    settings = pipeline.profile.evaluation

    @dg.asset(
        partitions_def=pipeline.judged,
        deps=[
            "evaluation_set",
            dg.AssetDep("checkpoints", partition_mapping=dg.MultiToSingleDimensionPartitionMapping("model")),
            reads_evaluation(VERIFICATION),
        ],
        group_name="evaluation",
        kinds={"parquet", "mlflow"},
        owners=OWNERS,
        code_version=CODE_VERSION,
        pool="engine",
        check_specs=[check.spec("processbench", pipeline.judged) for check in (ALL, PATHS, VERDICT)],
    )
    def processbench(
        context: dg.AssetExecutionContext,
        store: dg.ResourceParam[Store],
        machines: dg.ResourceParam[Machines],
        tracking: dg.ResourceParam[Tracking],
        progress: dg.ResourceParam[Progress],
    ) -> Events:
        """Which step is the first wrong one? Each model judges every solution on N independent verification paths.
        **Pass@1** is the mean over the single paths; **Maj@N** averages their rewards step by step and then looks
        for the first one below the threshold. F1 is the harmonic mean of the accuracy on wrong and on right
        solutions.
        """
        clock = Clock()
        key = context.partition_key
        model, subset = pipeline.model(dimension(key, "model")), dimension(key, "subset")
        checkpoint = read_checkpoint(store, model.key)
        votes = votes_of(pipeline, model)
        cases = [case for case in store.read(BenchmarkCase, "evaluation_set") if case.subset == subset]
        how = (
            CODE_VERSION,
            checkpoint.version,
            model.mode,
            settings.threshold,
            settings.verifier.model_dump(mode="json"),
        )
        live_paths = pipeline.profile.engine.live_paths
        verifier = Verifier(machines.engine(checkpoint.weights), machines.sandbox(), settings.verifier, live_paths)
        parameters = {
            "model": model.key,
            "subset": subset,
            "mode": model.mode,
            "votes": votes,
            "sandbox": machines.sandbox().description() if model.mode in EXECUTED else None,
        }
        name = f"{model.key} on {subset}"
        with tracking.run(context, name, parameters, parent=checkpoint.run_id) as run:
            with store.journal("processbench", key) as journal:
                rows = machines.run(
                    evaluate_cases(
                        cases,
                        verifier,
                        model.mode,
                        votes,
                        settings.threshold,
                        _counted(progress.of(context), len(cases)),
                        JournaledPaths(journal, votes, how),
                    )
                )
            single = score(single_paths(rows, settings.threshold), settings.bootstrap).subsets[subset]
            voted = score_predictions(rows, settings.bootstrap).subsets[subset]
            metrics = headline(single, voted, votes)
            run.dataset(
                "evaluation_set", store.version("evaluation_set"), store.path("evaluation_set"), "evaluation"
            )
            run.metrics(metrics)
            run.metrics({f"{subset}/{name}": value for name, value in metrics.items()}, checkpoint.run_id)
        yield from publish(
            context,
            store,
            [Table(Prediction, "processbench", key, rows)],
            [
                ALL.result([row.id for row in rows] == [case.id for case in cases], cases=len(cases)),
                PATHS.result(all(_sound(row, votes) for row in rows), votes=votes),
                VERDICT.result(all(first_error(r.rewards, settings.threshold) == r.prediction for r in rows)),
            ],
            {
                "seconds": clock.seconds(),
                "tokens": sum(row.tokens for row in rows),
                "prompt tokens": sum(row.prompt_tokens for row in rows),
                "mode": model.mode,
                "executions": sum(row.executions for row in rows),
                "rewards read from": read_from(row.reading for row in rows if row.reading),
                **{name: round(value, 2) for name, value in metrics.items()},
                "MLflow run": dg.MetadataValue.url(run.url),
                "examples": examples(
                    [
                        {"steps": r.steps, "rewards": r.rewards, "prediction": r.prediction, "first error": r.label}
                        for r in rows
                    ]
                ),
            },
        )

    return processbench


class JournaledPaths:
    """Paths of cases in a journal. Votes are no part of what decides one: raising them finds those there are."""

    def __init__(self, journal: Journal, votes: int, how: tuple[Any, ...]) -> None:
        self._journal = journal
        self._votes = votes
        self._how = how

    def known(self, case: BenchmarkCase) -> dict[int, Verification]:
        """The paths of a case that are there, by their number."""
        keys = {path: self._key(case, path) for path in range(self._votes)}
        return {
            path: from_dict(Verification, self._journal.get(key))
            for path, key in keys.items()
            if key in self._journal
        }

    def keep(self, case: BenchmarkCase, path: Verification) -> None:
        """Write a path down, in place of a shorter one."""
        self._journal.put(self._key(case, path.path), as_key(without_text(path)))

    def _key(self, case: BenchmarkCase, path: int) -> str:
        return row_key(as_key(case), path, *self._how)


def _counted(progress: Callable[[int, int], None], total: int) -> Callable[[int], None]:
    """Progress by finished cases, for one that is told how many there are so far."""
    finished = 0
    progress(finished, total)

    def advance(cases: int) -> None:
        nonlocal finished
        finished += cases
        progress(finished, total)

    return advance


def headline(single: SubsetScore, voted: SubsetScore, votes: int) -> dict[str, float]:
    """The numbers of one subset in percent, under names that the tracking server accepts."""
    found = {"f1_pass1": single.f1, "f1_pass1_spread": single.f1_spread}
    found |= {"error_acc_pass1": single.error_acc, "correct_acc_pass1": single.correct_acc}
    if votes > 1:
        found |= {f"f1_maj{votes}": voted.f1, f"error_acc_maj{votes}": voted.error_acc}
        found |= {f"correct_acc_maj{votes}": voted.correct_acc}
    return {name: value for name, value in found.items() if value is not None}


def read_from(readings: Iterable[VoteReading]) -> str:
    """How the rewards of an artifact were read, as metadata shows it."""
    return json.dumps(dataclasses.asdict(joined_reading(readings)))


def without_text(verification: Verification) -> Verification:
    """A path as the journal keeps it: rewards, verdicts and counts. Scoring needs no more, and texts are large."""
    steps = [dataclasses.replace(step, text="", analysis="", code="", output="") for step in verification.steps]
    return dataclasses.replace(verification, steps=steps)


def _sound(row: Prediction, votes: int) -> bool:
    inside = all(0 <= reward <= 1 for path in row.path_rewards for reward in path)
    return inside and len(row.path_rewards) == votes and all(row.path_rewards)
