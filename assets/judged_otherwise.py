"""Models judging in other modes than they were trained in (paper table 5)."""

import dagster as dg

from assets.artifact import ArtifactContext, Input, Made, Spent, Stage, artifact
from assets.judging import JUDGING_VERSION, Judge, judge_cases
from assets.parameters import ESCALATION, VERIFICATION, reads
from assets.partitions import Pipeline
from assets.processbench import JUDGING_CHECKS, judging_checks, judging_facts, log_scores
from genprm.checkpoints import read_checkpoint
from genprm.modes import Mode
from genprm.records import BenchmarkCase


def _inputs(pipeline: Pipeline) -> list[Input]:
    checkpoints = dg.StaticPartitionMapping(pipeline.judging_with())
    return [Input("evaluation_set"), Input("checkpoints", checkpoints)]


def _parameters(pipeline: Pipeline) -> list[dg.AssetDep]:
    """The threshold of escalation matters only for models that judge adaptively."""
    everyone = pipeline.judged_otherwise.get_partition_keys()
    adaptive = [model.key for model in pipeline.lineup.otherwise if model.mode is Mode.ADAPTIVE]
    return [reads("evaluation", dg.StaticPartitionMapping({VERIFICATION: everyone, ESCALATION: adaptive}))]


@artifact(
    stage=Stage.EVALUATION,
    code_version=JUDGING_VERSION,
    partitions=lambda pipeline: pipeline.judged_otherwise,
    inputs=_inputs,
    parameters=_parameters,
    checks=JUDGING_CHECKS,
    kinds=("parquet", "mlflow"),
    uses_engine=True,
    measured=True,
    spends=Spent(requests="steps"),
    wanted=lambda pipeline: bool(pipeline.lineup.otherwise),
)
def judged_otherwise(context: ArtifactContext) -> Made:
    """What are analysis, code and running it worth at test time? A model that was trained to do all of it
    judges every case of the benchmark with less: with its analysis alone, with code that is not run, or by the
    verdict alone. One that was trained to write code and nothing else can do without running it.
    """
    model = context.lineup.model(context.key)
    cases = context.store.read(BenchmarkCase, "evaluation_set")
    checkpoint = read_checkpoint(context.store, model.checkpoint)
    judge = Judge(context, model, checkpoint, context.lineup.votes_of(model))
    parameters = judge.run_parameters(subset="all")
    with context.tracking.run(context.dagster, model.key, parameters, parent=checkpoint.run_id) as run:
        judged = judge_cases(judge, cases)
        rows = judged.predictions
        scores = log_scores(context, run, model, rows)
        metrics = {f"{subset}/{name}": value for subset, found in scores.items() for name, value in found.items()}
        run.metrics(metrics)
        run.verifications(judged.verified(context, model))
    return Made(
        judged.tables(),
        judging_checks(context, model, cases, rows),
        {**judging_facts(model, rows, run), **{name: round(value, 2) for name, value in metrics.items()}},
    )
