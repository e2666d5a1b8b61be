"""`genprm plan`: what a profile will cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from genprm.bench.tables import Cell
    from genprm.planning.totals import Planned


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
        str | None, typer.Option(help="Directory with math-train, or hub. [default: GENPRM_DATA_DIR]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The plan as JSON.")] = False,
) -> None:
    """Requests, tokens, executions, GPU-hours and disk per artifact, before they are spent."""
    from genprm.bench.tables import show
    from genprm.planning.assumptions import read_assumptions
    from genprm.planning.saved import plan_from_assumptions, save_plan
    from genprm.profiles import load_profile

    chosen = load_profile(profile, overrides or ())
    assumed = read_assumptions(assume or ())
    if pilot is None:
        made = plan_from_assumptions(chosen, assumed)
    else:
        from genprm.planning.pilot import plan_from_pilot, spread
        from genprm.problems import load_problems
        from genprm.sources import data_directory

        problems = spread(load_problems(chosen.problems, data_directory(data)), pilot)
        given = {assignment.partition("=")[0] for assignment in assume or ()}
        made, assumed = plan_from_pilot(chosen, problems, assumed, given)
    save_plan(chosen, made)
    rows = [_shown(row) for row in made.rows]
    notes = [
        "low, high: 95 % of the output tokens by the chance of problems; assumptions may be wrong beyond that.",
        "M: million tokens. read once: with every shared prefix read once. checkpoints: tokens trained on.",
        "kept: genprm status shows it beside what the run spends.",
        "assumed: " + ", ".join(f"{name} {value:g}" for name, value in assumed.model_dump().items()),
    ]
    show(f"Plan of {chosen.name}, {made.source}", rows, as_json, notes)


def _shown(row: Planned) -> dict[str, Cell]:
    return {
        "artifact": row.artifact,
        "requests": round(row.requests),
        "prompts (M)": row.prompt_tokens / 1e6,
        "read once (M)": row.prefix_tokens / 1e6,
        "output (M)": row.tokens / 1e6,
        "low": row.low / 1e6,
        "high": row.high / 1e6,
        "executions": round(row.executions),
        "GPU-hours": row.gpu_hours,
        "disk (MB)": row.disk_mb,
    }
