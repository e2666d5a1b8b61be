"""All results in one table."""

import dagster as dg

from assets.evaluation_set import shared_problems
from assets.parameters import CHOICE, INTERVALS, reads_evaluation, reads_scaling
from assets.partitions import Pipeline
from assets.publish import OWNERS, Check, Clock, Events, Table, examples, publish
from assets.resources import Tracking
from genprm.checkpoints import read_checkpoint
from genprm.records import BenchmarkCase, Problem
from genprm.results.captions import difference_cell, interval_cell, metric_caption, notes, votes_caption
from genprm.results.claims import Claim
from genprm.results.figures import f1_rows
from genprm.results.leaderboard import measure_run, read_predictions
from genprm.results.measures import Measure
from genprm.store import TableStore

HELD_OUT = Check("held_out", "No evaluation problem is among the problems that training data are made from.")
SAME = Check("same_cases", "All models judged the same cases.")


def define(pipeline: Pipeline) -> dg.AssetsDefinition:
    profile = pipeline.profile
    everything = dg.AllPartitionMapping()
    upstream = ["solutions", "label_quality", "checkpoints", "processbench"]
    if pipeline.lineup.otherwise:
        upstream.append("judged_otherwise")
    decided_by = [reads_evaluation(INTERVALS)]
    if profile.scaling.sets:
        upstream += ["candidates", "best_of_n"]
        decided_by.append(reads_scaling(CHOICE))
    if profile.refinement.sets:
        upstream.append("refinement")

    @dg.asset(
        deps=[
            "problems",
            "evaluation_set",
            *(dg.AssetDep(name, partition_mapping=everything) for name in upstream),
            *decided_by,
        ],
        group_name="evaluation",
        kinds={"parquet"},
        owners=OWNERS,
        code_version="4",
        check_specs=[check.spec("leaderboard") for check in (HELD_OUT, SAME)],
    )
    def leaderboard(
        context: dg.AssetExecutionContext,
        store: dg.ResourceParam[TableStore],
        tracking: dg.ResourceParam[Tracking],
    ) -> Events:
        """Every headline number with its 95 % interval: the data (policy accuracy, labels against truth, what the
        filter kept), the models (F1, Pass@1 and Maj@N), and the differences that the paper reports, with paired
        intervals.
        """
        clock = Clock()
        lineup = pipeline.lineup
        predictions = read_predictions(lineup, store)
        shared = shared_problems(store.read(Problem, "problems"), store.read(BenchmarkCase, "evaluation_set"))
        cases = {tuple((row.subset, row.id) for row in rows) for rows in predictions.values()}
        results = measure_run(lineup, store)
        headlines = f1_rows(results.measures)
        for model in lineup.models:
            metrics = {metric_name(row): row.value for row in headlines if row.model == model.key}
            tracking.metrics(read_checkpoint(store, model.checkpoint).run_id, metrics)
        missing = "\n".join(f"- {line}" for line in notes(results.claims))
        yield from publish(
            context,
            store,
            [
                Table(Measure, "leaderboard", None, results.measures),
                Table(Claim, "claims", None, results.claims),
            ],
            [HELD_OUT.result(not shared, shared=len(shared)), SAME.result(len(cases) == 1)],
            {
                "seconds": clock.seconds(),
                "models": examples([_headline(row) for row in headlines], 99),
                "differences": examples([_difference(one) for one in results.claims], 99),
                "not as in the paper": dg.MetadataValue.md(missing or "nothing"),
            },
        )

    return leaderboard


def metric_name(row: Measure) -> str:
    """What the tracking server calls a mean F1: `f1_pass1`, `f1_maj8`."""
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
