"""Verification paths of every model over every benchmark case (paper 5.2)."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from assets.artifact import ArtifactContext, Check, Input, Made, Spent, Stage, artifact
from assets.judging import JUDGING_VERSION, Judge, judge_cases, read_from
from assets.metadata import examples
from assets.parameters import VERIFICATION, reads
from assets.partitions import by_dimension
from assets.resources import Benchmark, TrackedRun
from genprm.checkpoints import read_checkpoint
from genprm.evaluation.metrics import SubsetScore, score, score_predictions, single_paths
from genprm.lineup import Model
from genprm.records import BenchmarkCase, Prediction
from genprm.verification.rewards import first_error

ALL = Check("all_cases", "Every case of the subset has one prediction, in order.")
PATHS = Check("votes", "Every case has the same number of paths, with rewards in [0, 1].")
VERDICT = Check("first_below_threshold", "The prediction is the first reward below the threshold, -1 if none is.")


JUDGING_CHECKS = (ALL, PATHS, VERDICT)


@artifact(
    stage=Stage.EVALUATION,
    code_version=JUDGING_VERSION,
    partitions=lambda pipeline: pipeline.judged,
    inputs=lambda pipeline: (Input("evaluation_set"), Input("checkpoints", by_dimension("model"))),
    parameters=lambda pipeline: (reads("evaluation", VERIFICATION),),
    checks=JUDGING_CHECKS,
    kinds=("parquet", "mlflow"),
    uses_engine=True,
    measured=True,
    spends=Spent(requests="steps"),
)
def processbench(context: ArtifactContext) -> Made:
    """Which step is the first wrong one? Each model judges every solution on N independent verification paths.
    **Pass@1** is the mean over the single paths; **Maj@N** averages their rewards step by step and then looks
    for the first one below the threshold. F1 is the harmonic mean of the accuracy on wrong and on right
    solutions.
    """
    model, subset = context.lineup.model(context.dimension("model")), context.dimension("subset")
    cases = [case for case in context.store.read(BenchmarkCase, "evaluation_set") if case.subset == subset]
    checkpoint = read_checkpoint(context.store, model.checkpoint)
    judge = Judge(context, model, checkpoint, context.lineup.votes_of(model))
    title, parameters = f"{model.key} on {subset}", judge.run_parameters(subset=subset)
    with context.tracking.run(context.dagster, title, parameters, parent=checkpoint.run_id) as run:
        judged = judge_cases(judge, cases)
        rows = judged.predictions
        metrics = log_scores(context, run, model, rows)[subset]
        run.metrics(metrics)
        of_subset = {f"{subset}/{name}": value for name, value in metrics.items()}
        context.tracking.metrics(checkpoint.run_id, of_subset)
        run.verifications(judged.verified(context, model))
    return Made(
        judged.tables(),
        judging_checks(context, model, cases, rows),
        {**judging_facts(model, rows, run), **{name: round(value, 2) for name, value in metrics.items()}},
    )


def log_scores(
    context: ArtifactContext, run: TrackedRun, model: Model, rows: Sequence[Prediction]
) -> dict[str, dict[str, float]]:
    """The headline numbers per subset; the run records which cases they are measured on."""
    settings, votes, store = context.profile.evaluation, context.lineup.votes_of(model), context.store
    single = score(single_paths(rows, settings.threshold), settings.bootstrap).subsets
    voted = score_predictions(rows, settings.bootstrap).subsets
    cases = store.read(BenchmarkCase, "evaluation_set")
    benchmark = Benchmark(settings.source, store.version("evaluation_set"), cases)
    run.benchmark(benchmark, store.path("evaluation_set"))
    return {subset: headline(single[subset], voted[subset], votes) for subset in single}


def judging_checks(
    context: ArtifactContext, model: Model, cases: Sequence[BenchmarkCase], rows: Sequence[Prediction]
) -> list[dg.AssetCheckResult]:
    """What must be true of predictions."""
    threshold, votes = context.profile.evaluation.threshold, context.lineup.votes_of(model)
    return [
        ALL.result([row.id for row in rows] == [case.id for case in cases], cases=len(cases)),
        PATHS.result(all(_sound(row, votes) for row in rows), votes=votes),
        VERDICT.result(all(first_error(row.rewards, threshold) == row.prediction for row in rows)),
    ]


def judging_facts(model: Model, rows: Sequence[Prediction], run: TrackedRun) -> dict[str, Any]:
    """Metadata about predictions, besides how good they are."""
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
