"""The report: one HTML file with the orderings that the paper claims, its tables, and plots."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from assets.partitions import Pipeline
from assets.publish import OWNERS, Clock, Events, announce, plot
from assets.resources import Store
from genprm.records import Measure
from genprm.results.best_of_n import BEST_OF_N
from genprm.results.claims import JUDGES, orderings
from genprm.results.drawing import png
from genprm.results.evidence import EVIDENCE
from genprm.results.figures import figures_of
from genprm.results.label_cost import CostCurve, label_cost
from genprm.results.paper_tables import TABLES
from genprm.results.pivot import pivot
from genprm.results.test_time import TEST_TIME

LABELS_AND_FILTER = "Labels and filter"
TEMPLATE = Path(__file__).with_name("report.html")


def report_path(store: Store) -> Path:
    """Where the report lies."""
    return store.folder("report") / "index.html"


def define(pipeline: Pipeline) -> dg.AssetsDefinition:
    @dg.asset(
        deps=["leaderboard", dg.AssetDep("mc_scores", partition_mapping=dg.AllPartitionMapping())],
        group_name="evaluation",
        kinds={"html"},
        owners=OWNERS,
        code_version="3",
    )
    def report(context: dg.AssetExecutionContext, store: dg.ResourceParam[Store]) -> Events:
        """The leaderboard for people: each ordering that the paper claims with its verdict, the paper's tables with
        its numbers beside ours, intervals and plots.
        """
        clock = Clock()
        rows = store.read(Measure, "leaderboard")
        page = render(pipeline.profile.name, rows, label_cost(pipeline, store))
        path = report_path(store)
        part = path.with_name(".index.html.part")
        part.write_text(page)
        part.replace(path)
        yield announce(
            context,
            store,
            hashlib.sha256(page.encode()).hexdigest()[:16],
            [],
            {
                "seconds": clock.seconds(),
                "dagster/uri": str(path),
                "F1": plot(*_f1_plot(rows)),
            },
        )

    return report


def render(profile: str, rows: Sequence[Measure], cost: CostCurve | None = None) -> str:
    """The page for one profile's measures, and for what fewer rollouts would have cost."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text())
    figures = {**figures_of(rows), LABELS_AND_FILTER: ("What the filter decided", _reasons_plot(rows))}
    return template.render(
        profile=profile,
        orderings=orderings(rows),
        sections=[
            (title, pivot(chosen), figures.get(title)) for title, chosen in _sections(rows).items() if chosen
        ],
        f1=png(*_f1_plot(rows)),
        cost=cost,
    )


def _sections(rows: Sequence[Measure]) -> dict[str, list[Measure]]:
    """The tables of the page in order; those of which nothing was measured are empty."""
    groups = {title: title for title in (*TABLES, BEST_OF_N, *TEST_TIME, EVIDENCE)}
    groups |= {"Policy (%)": "data", LABELS_AND_FILTER: "labels"}
    sections = {title: [row for row in rows if row.group == group] for title, group in groups.items()}
    return {**sections, "Wrong and right solutions": [row for row in rows if _is_accuracy(row)]}


def _is_accuracy(row: Measure) -> bool:
    return row.group == JUDGES and "F1 " not in row.name


def _f1_plot(rows: Sequence[Measure]) -> tuple[Callable[[Any], None], float, float]:
    """How to draw F1, and how wide and high (inches)."""
    chosen = [row for row in rows if row.group == JUDGES and row.name.startswith("F1 ")]

    def draw(axes: Any) -> None:
        names = [f"{row.subject} {row.name.removeprefix('F1 ')}" for row in chosen]
        values = [row.value for row in chosen]
        below = [row.value - (row.value if row.low is None else row.low) for row in chosen]
        above = [(row.value if row.high is None else row.high) - row.value for row in chosen]
        colours = ["#3b6ea5" if "Maj" in row.name else "#9dbbdc" for row in chosen]
        axes.barh(names, values, xerr=[below, above], color=colours, capsize=3)
        axes.set(xlabel="F1 (%), 95 % interval", xlim=(0, 100), ylim=(len(names) - 0.5, -0.5))

    return draw, 7.5, 0.8 + 0.35 * len(chosen)


def _reasons_plot(rows: Sequence[Measure]) -> str:
    chosen = [row for row in rows if row.group == "labels" and row.name.startswith("filter: ")]
    variants = list(dict.fromkeys(row.subject for row in chosen))

    def draw(axes: Any) -> None:
        left = [0.0] * len(variants)
        for reason in dict.fromkeys(row.name for row in chosen):
            widths = [row.value for row in chosen if row.name == reason]
            label = reason.removeprefix("filter: ").replace("_", " ")
            axes.barh(variants, widths, left=left, label=label)
            left = [start + width for start, width in zip(left, widths, strict=True)]
        axes.invert_yaxis()
        axes.set(xlabel="solutions (%)", xlim=(0, 100))
        axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))

    return png(draw, 7.5, 1.2 + 0.35 * len(variants))
