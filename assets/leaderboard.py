"""All results in one table."""

from collections.abc import Mapping, Sequence

import dagster as dg

from assets.artifact import ArtifactContext, Check, Input, Made, Stage, Table, artifact, wanted_artifacts
from assets.evaluation_set import shared_problems
from assets.metadata import examples
from assets.parameters import CHOICE, INTERVALS, reads
from assets.partitions import Pipeline
from genprm.checkpoints import read_checkpoint
from genprm.evaluation.metrics import voted
from genprm.evaluation.promotion import Contender
from genprm.records import BenchmarkCase, Prediction, Problem
from genprm.results.captions import difference_cell, interval_cell, metric_caption, notes, votes_caption
from genprm.results.claims import Claim
from genprm.results.figures import f1_rows
from genprm.results.leaderboard import measure_run, read_predictions
from genprm.results.measures import Measure

HELD_OUT = Check("held_out", "No evaluation problem is among the problems that training data are made from.")
SAME = Check("same_cases", "All models judged the same cases.")


def _inputs(pipeline: Pipeline) -> list[Input]:
    """All partitions of everything that is measured; and the two sets that must share no problem."""
    measured = [one for one in wanted_artifacts(pipeline) if one.declared.measured]
    return [
        Input("problems"),
        Input("evaluation_set"),
        *(Input(one.name, dg.AllPartitionMapping()) for one in measured),
    ]


def _parameters(pipeline: Pipeline) -> list[dg.AssetDep]:
    chosen = [reads("scaling", CHOICE)] if pipeline.profile.scaling.sets else []
    return [reads("evaluation", INTERVALS), *chosen]


@artifact(
    stage=Stage.EVALUATION,
    code_version="5",
    inputs=_inputs,
    parameters=_parameters,
    checks=(HELD_OUT, SAME),
    tables=("leaderboard", "claims"),
)
def leaderboard(context: ArtifactContext) -> Made:
    """Every headline number with its 95 % interval: the data (policy accuracy, labels against truth, what the
    filter kept), the models (F1, Pass@1 and Maj@N), and the differences that the paper reports, with paired
    intervals.
    """
    lineup, store = context.lineup, context.store
    predictions = read_predictions(lineup, store)
    shared = shared_problems(store.read(Problem, "problems"), store.read(BenchmarkCase, "evaluation_set"))
    cases = {tuple((row.subset, row.id) for row in rows) for rows in predictions.values()}
    results = measure_run(lineup, store)
    headlines = f1_rows(results.measures)
    for model in lineup.models:
        metrics = {metric_name(row): row.value for row in headlines if row.model == model.key}
        context.tracking.metrics(read_checkpoint(store, model.checkpoint).run_id, metrics)
    champion = context.tracking.register(_contenders(context, predictions), context.profile.evaluation.bootstrap)
    missing = "\n".join(f"- {line}" for line in notes(results.claims))
    return Made(
        [Table(Measure, results.measures), Table(Claim, results.claims, "claims")],
        [HELD_OUT.result(not shared, shared=len(shared)), SAME.result(len(cases) == 1)],
        {
            "models": examples([_headline(row) for row in headlines], 99),
            "differences": examples([_difference(one) for one in results.claims], 99),
            **({"champion": champion} if champion else {}),
            "not as in the paper": dg.MetadataValue.md(missing or "nothing"),
        },
    )


def _contenders(context: ArtifactContext, predictions: Mapping[str, Sequence[Prediction]]) -> list[Contender]:
    """The models that were trained here, with their predictions for the benchmark (the vote of several paths)."""
    found = []
    for model in context.lineup.models:
        if model.trained:
            made = read_checkpoint(context.store, model.checkpoint)
            found.append(Contender(model.key, made.version, made.run_id, voted(predictions[model.key])))
    return found


def metric_name(row: Measure) -> str:
    """The tracking server's name for a mean F1: `f1_pass1`, `f1_maj8`."""
    return "f1_pass1" if row.votes == 1 else f"f1_maj{row.votes}"


def _headline(row: Measure) -> dict[str, object]:
    return {
        "": row.model,
        "measure": f"{metric_caption(row)} {votes_caption(row.votes)}",
        row.unit: f"{row.value:.1f}",
        "95 %": interval_cell(row),
        "cases": row.count,
    }


def _difference(one: Claim) -> dict[str, object]:
    return {
        "": one.name,
        "measure": metric_caption(one),
        "difference": difference_cell(one),
        "95 %": interval_cell(one),
        "cases": one.count,
        "verdict": one.verdict,
    }
