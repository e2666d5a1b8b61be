"""Verification paths of every model over every benchmark case (paper 5.2)."""

from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg

from assets.judging import JUDGING_VERSION, judge_cases, read_from, run_parameters
from assets.parameters import VERIFICATION, reads_evaluation
from assets.partitions import Pipeline, dimension
from assets.publish import OWNERS, Check, Clock, Events, Table, examples, publish
from assets.resources import Machines, Progress, TrackedRun, Tracking
from genprm.checkpoints import read_checkpoint
from genprm.evaluation.metrics import SubsetScore, score, score_predictions, single_paths
from genprm.lineup import Model
from genprm.records import BenchmarkCase, Prediction
from genprm.store import TableStore
from genprm.verification.rewards import first_error

ALL = Check("all_cases", "Every case of the subset has one prediction, in order.")
PATHS = Check("votes", "Every case has the same number of paths, with rewards in [0, 1].")
VERDICT = Check("first_below_threshold", "The prediction is the first reward below the threshold, -1 if none is.")


def define(pipeline: Pipeline) -> dg.AssetsDefinition:
    mapping = dg.MultiToSingleDimensionPartitionMapping("model")

    @judgement("processbench", pipeline.judged, mapping, reads_evaluation(VERIFICATION))
    def processbench(
        context: dg.AssetExecutionContext,
        store: dg.ResourceParam[TableStore],
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
        model, subset = pipeline.lineup.model(dimension(key, "model")), dimension(key, "subset")
        cases = [case for case in store.read(BenchmarkCase, "evaluation_set") if case.subset == subset]
        checkpoint = read_checkpoint(store, model.checkpoint)
        parameters = run_parameters(pipeline, model, machines, subset)
        with tracking.run(context, f"{model.key} on {subset}", parameters, parent=checkpoint.run_id) as run:
            rows = judge_cases(context, pipeline, model, cases, store, machines, progress)
            metrics = log_scores(run, pipeline, model, rows, store)[subset]
            run.metrics(metrics)
            run.metrics({f"{subset}/{name}": value for name, value in metrics.items()}, checkpoint.run_id)
        yield from publish(
            context,
            store,
            [Table(Prediction, "processbench", key, rows)],
            judging_checks(pipeline, model, cases, rows),
            {"seconds": clock.seconds(), **judging_facts(model, rows, run), **_rounded(metrics)},
        )

    return processbench


def judgement(
    name: str, partitions: dg.PartitionsDefinition, checkpoints: dg.PartitionMapping, evaluation: dg.AssetDep
) -> Callable[[Callable[..., Events]], dg.AssetsDefinition]:
    """The decorator of an asset of predictions; `checkpoints` finds the model of a partition, `evaluation` what of
    the section it depends on."""
    return dg.asset(
        partitions_def=partitions,
        deps=[
            "evaluation_set",
            dg.AssetDep("checkpoints", partition_mapping=checkpoints),
            evaluation,
        ],
        group_name="evaluation",
        kinds={"parquet", "mlflow"},
        owners=OWNERS,
        code_version=JUDGING_VERSION,
        pool="engine",
        check_specs=[check.spec(name, partitions) for check in (ALL, PATHS, VERDICT)],
    )


def log_scores(
    run: TrackedRun, pipeline: Pipeline, model: Model, rows: Sequence[Prediction], store: TableStore
) -> dict[str, dict[str, float]]:
    """The headline numbers per subset; the run is told which cases they are measured on."""
    settings, votes = pipeline.profile.evaluation, pipeline.lineup.votes_of(model)
    single = score(single_paths(rows, settings.threshold), settings.bootstrap).subsets
    voted = score_predictions(rows, settings.bootstrap).subsets
    run.dataset("evaluation_set", store.version("evaluation_set"), store.path("evaluation_set"), "evaluation")
    return {subset: headline(single[subset], voted[subset], votes) for subset in single}


def judging_checks(
    pipeline: Pipeline, model: Model, cases: Sequence[BenchmarkCase], rows: Sequence[Prediction]
) -> list[dg.AssetCheckResult]:
    """What must be true of predictions."""
    threshold, votes = pipeline.profile.evaluation.threshold, pipeline.lineup.votes_of(model)
    return [
        ALL.result([row.id for row in rows] == [case.id for case in cases], cases=len(cases)),
        PATHS.result(all(_sound(row, votes) for row in rows), votes=votes),
        VERDICT.result(all(first_error(row.rewards, threshold) == row.prediction for row in rows)),
    ]


def judging_facts(model: Model, rows: Sequence[Prediction], run: TrackedRun) -> dict[str, Any]:
    """What to tell about predictions, besides how good they are."""
    return {
        "tokens": sum(row.tokens for row in rows),
        "prompt tokens": sum(row.prompt_tokens for row in rows),
        "mode": model.judging,
        "steps": sum(len(path) for row in rows for path in row.path_rewards),
        "executions": sum(row.executions for row in rows),
        "rewards read from": read_from(row.reading for row in rows if row.reading),
        "MLflow run": dg.MetadataValue.url(run.url),
        "examples": examples(
            [
                {"steps": r.steps, "rewards": r.rewards, "prediction": r.prediction, "first error": r.label}
                for r in rows
            ]
        ),
    }


def _rounded(metrics: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 2) for name, value in metrics.items()}


def headline(single: SubsetScore, voted: SubsetScore, votes: int) -> dict[str, float]:
    """The numbers of one subset in percent, under names that the tracking server accepts."""
    found = {"f1_pass1": single.f1, "f1_pass1_spread": single.f1_spread}
    found |= {"error_acc_pass1": single.error_acc, "correct_acc_pass1": single.correct_acc}
    if votes > 1:
        found |= {f"f1_maj{votes}": voted.f1, f"error_acc_maj{votes}": voted.error_acc}
        found |= {f"correct_acc_maj{votes}": voted.correct_acc}
    return {name: value for name, value in found.items() if value is not None}


def _sound(row: Prediction, votes: int) -> bool:
    inside = all(0 <= reward <= 1 for path in row.path_rewards for reward in path)
    return inside and len(row.path_rewards) == votes and all(row.path_rewards)
