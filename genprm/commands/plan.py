"""`genprm plan`: what a profile will cost."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from genprm.planning.planned import Planned
    from genprm.speed.tables import Cell


def plan(
    profile: Annotated[str | None, typer.Option(help="A shipped profile or a YAML file.")] = None,
    overrides: Annotated[list[str] | None, typer.Option("--set", help="section.key=value; repeatable.")] = None,
    pilot: Annotated[
        int | None, typer.Option(min=2, help="Measure on this many problems, with the profile's models.")
    ] = None,
    assume: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE in place of an assumption; repeatable.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Directory with math-train, or hub.", show_default="GENPRM_DATA_DIR")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The plan as JSON.")] = False,
) -> None:
    """Requests, tokens, executions, GPU-hours and disk per artifact, before they are spent."""
    from genprm.planning.assumptions import read_assumptions
    from genprm.planning.saved import plan_from_assumptions, save_plan
    from genprm.profiles import load_profile
    from genprm.speed.tables import show

    chosen = load_profile(profile, overrides or ())
    assumed = read_assumptions(assume or ())
    if pilot is None:
        made = plan_from_assumptions(chosen, assumed)
    else:
        from genprm.data_sets.problems import load_problems
        from genprm.data_sets.sources import data_directory
        from genprm.planning.pilot import plan_from_pilot, spread

        problems = spread(load_problems(chosen.problems, data_directory(data)), pilot)
        given = {assignment.partition("=")[0] for assignment in assume or ()}
        made, assumed = plan_from_pilot(chosen, problems, assumed, given)
    save_plan(chosen, made)
    rows = [{**asdict(row), "artifact": row.caption} if as_json else _shown(row) for row in made.rows]
    notes = [
        "read, written: tokens of prompts, and of what is generated; once: with every shared prefix read once.",
        "95 %: of the tokens written, by the chance of problems; assumptions may be wrong beyond that.",
        "checkpoints: conversations, and tokens trained on. refinement: critiques and rewrites. search: steps.",
        "runs: of code.",
        "Kept: genprm status shows it beside what the run spends.",
        "assumed: " + ", ".join(f"{name} {value:g}" for name, value in assumed.model_dump().items()),
    ]
    show(f"Plan of {chosen.name}, {made.source}", rows, as_json, notes)


def _shown(row: Planned) -> dict[str, Cell]:
    from genprm.planning.planned import short

    return {
        "artifact": row.caption if row.chosen else f"(if {row.estimator})",
        "requests": short(row.requests),
        "read": short(row.prompt_tokens),
        "once": short(row.prefix_tokens),
        "written": short(row.tokens) if row.tokens else "",
        "95 %": f"{short(row.low)}-{short(row.high)}" if row.high > row.low else "",
        "runs": short(row.executions) if row.executions else "",
        "GPU-h": short(row.gpu_hours),
        "MB": short(row.disk_mb) if row.disk_mb else "",
    }
