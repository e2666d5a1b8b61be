"""The report: one HTML file with the orderings that the paper claims, its tables, and plots."""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from assets.artifact import ArtifactContext, Input, Made, Stage, artifact
from assets.metadata import plot
from assets.partitions import Pipeline
from genprm.files import write_text
from genprm.fingerprints import fingerprint
from genprm.results.captions import (
    TITLES,
    difference_cell,
    interval_cell,
    metric_caption,
    paper_cell,
    side_cells,
)
from genprm.results.claims import Claim
from genprm.results.drawing import png
from genprm.results.figures import f1_plot, figures_of
from genprm.results.label_cost import CostCurve, label_cost
from genprm.results.leaderboard import Results
from genprm.results.measures import Measure, Metric, Table
from genprm.results.pivot import pivot
from genprm.store import TableStore

ORDER = (
    *(Table.PROCESSBENCH, Table.LABEL_SETTINGS, Table.COMPONENTS, Table.DATA_SIZE, Table.TOKENS, Table.BEST_OF_N),
    *(Table.ESCALATION, Table.BUDGET, Table.REFINEMENT, Table.SEARCH),
    *(Table.CALIBRATION, Table.RELIABILITY, Table.EVIDENCE, Table.POLICY, Table.LABELS, Table.JUDGES),
)
"""Tables of the page from top to bottom."""
TEMPLATE = Path(__file__).with_name("report.html")


def report_path(store: TableStore) -> Path:
    """The path of the report."""
    return store.folder("report") / "index.html"


def _inputs(pipeline: Pipeline) -> list[Input]:
    scores = [Input("mc_scores", dg.AllPartitionMapping())] if pipeline.sampled else []
    return [Input("leaderboard"), *scores]


@artifact(
    stage=Stage.EVALUATION,
    code_version="5",
    inputs=_inputs,
    kinds=("html",),
)
def report(context: ArtifactContext) -> Made:
    """The leaderboard for people: each ordering that the paper claims with its verdict, the paper's tables with
    its numbers beside ours, intervals and plots.
    """
    results = Results(context.store.read(Measure, "leaderboard"), context.store.read(Claim, "claims"))
    cost = label_cost(context.profile, context.store) if context.pipeline.sampled else None
    page = render(context.profile.name, results, cost)
    path = report_path(context.store)
    write_text(path, page)
    context.store.record(path)
    return Made(
        version=fingerprint(page),
        files=[path],
        metadata={
            "dagster/uri": str(path),
            "report": dg.MetadataValue.url(path.absolute().as_uri()),
            "F1": plot(*f1_plot(results.measures)),
        },
    )


def render(profile: str, results: Results, cost: CostCurve | None = None) -> str:
    """The page for the results of one profile, and for what fewer rollouts would have cost."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text())
    figures = figures_of(results.measures)
    return template.render(
        profile=profile,
        claims=[_claim_row(one) for one in results.claims],
        sections=[
            (TITLES[table], pivot(rows), figures.get(table)) for table, rows in _sections(results.measures).items()
        ],
        f1=png(*f1_plot(results.measures)),
        cost=cost,
    )


def _sections(measures: Sequence[Measure]) -> dict[Table, list[Measure]]:
    """The tables of the page in order, as far as something was measured; without F1, which has a figure above."""
    shown = [row for row in measures if row.table is not Table.JUDGES or row.metric is not Metric.F1]
    found = {table: [row for row in shown if row.table is table] for table in ORDER}
    return {table: rows for table, rows in found.items() if rows}


def _claim_row(one: Claim) -> dict[str, object]:
    first, second = side_cells(one)
    return {
        "claim": one.name,
        "measure": metric_caption(one),
        "first": first,
        "second": second,
        "difference": difference_cell(one),
        "interval": interval_cell(one),
        "n": one.count,
        "verdict": one.verdict,
        "reported": paper_cell(one),
    }
