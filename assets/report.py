"""The report: one HTML file with the tables, the plots and what did not come out as in the paper."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from assets.orderings import DIFFERENCES, JUDGES, notes
from assets.pipeline import Pipeline
from assets.publish import OWNERS, Clock, Events, announce, png
from assets.scaling_measures import BEST_OF_N
from assets.surroundings import Store
from genprm.records import Measure

TEMPLATE = Path(__file__).with_name("report.html")


def report_path(store: Store) -> Path:
    """Where the report lies."""
    return store.folder("report") / "index.html"


def define(pipeline: Pipeline) -> dg.AssetsDefinition:
    @dg.asset(
        deps=["leaderboard"],
        group_name="evaluation",
        kinds={"html"},
        owners=OWNERS,
        code_version="1",
    )
    def report(context: dg.AssetExecutionContext, store: dg.ResourceParam[Store]) -> Events:
        """The leaderboard for people: tables with intervals, plots, and one line for every ordering of the paper
        that our numbers do not show.
        """
        clock = Clock()
        rows = store.read(Measure, "leaderboard")
        page = render(pipeline.profile.name, rows)
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
                "F1": dg.MetadataValue.md(f"![F1](data:image/png;base64,{_f1_plot(rows)})"),
            },
        )

    return report


def render(profile: str, rows: Sequence[Measure]) -> str:
    """The page for one profile's measures."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text())
    groups = {
        "Data": [row for row in rows if row.group == "data"],
        "Models": [row for row in rows if row.group == JUDGES and row.name.startswith("F1 ")],
        "Best-of-N": [row for row in rows if row.group == BEST_OF_N],
        "Differences": [row for row in rows if row.group == DIFFERENCES],
        "Labels and filter, by variant": [row for row in rows if row.group == "labels"],
        "Models by subset": [row for row in rows if row.group == JUDGES and not row.name.startswith("F1 ")],
    }
    return template.render(
        profile=profile,
        groups=groups,
        notes=notes(rows),
        f1=_f1_plot(rows),
        reasons=_reasons_plot(rows),
    )


def _f1_plot(rows: Sequence[Measure]) -> str:
    chosen = [row for row in rows if row.group == JUDGES and row.name.startswith("F1 ")]

    def draw(axes: Any) -> None:
        names = [f"{row.subject} {row.name.removeprefix('F1 ')}" for row in chosen]
        values = [row.value for row in chosen]
        below = [row.value - (row.value if row.low is None else row.low) for row in chosen]
        above = [(row.value if row.high is None else row.high) - row.value for row in chosen]
        colours = ["#3b6ea5" if "Maj" in row.name else "#9dbbdc" for row in chosen]
        axes.barh(names, values, xerr=[below, above], color=colours, capsize=3)
        axes.invert_yaxis()
        axes.set(xlabel="F1 (%), 95 % interval", xlim=(0, 100))

    return png(draw, 7.5, 0.8 + 0.35 * len(chosen))


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
