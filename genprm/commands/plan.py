"""`genprm plan`: what a profile will cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genprm.commands.options import takes

if TYPE_CHECKING:
    from genprm.hardware.devices import Hardware
    from genprm.planning.assumptions import Assumptions
    from genprm.planning.on_hardware import Placed
    from genprm.planning.planned import Planned
    from genprm.settings import Profile
    from genprm.speed.tables import Cell


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """Options of `genprm plan`."""

    profile: Annotated[str | None, typer.Option(help="A shipped profile or a YAML file.")] = None
    overrides: Annotated[list[str] | None, typer.Option("--set", help="section.key=value; repeatable.")] = None
    pilot: Annotated[
        int | None, typer.Option(min=2, help="Measure on this many problems, with the profile's models.")
    ] = None
    assume: Annotated[list[str] | None, typer.Option(help="NAME=VALUE in place of an assumption; repeatable.")] = (
        None
    )
    data: Annotated[
        str | None, typer.Option(help="Directory with math-train, or hub.", show_default="GENPRM_DATA_DIR")
    ] = None
    hardware: Annotated[
        str | None,
        typer.Option(
            help="Devices, such as 8xH100-80GB or 2x8xA100-80GB: what fits on them, and how long it takes."
        ),
    ] = None
    as_json: Annotated[bool, typer.Option("--json", help="The plan as JSON.")] = False


@takes(PlanOptions)
def plan(options: PlanOptions) -> None:
    """Requests, tokens, executions, GPU-hours and disk per artifact, before they are spent.

    With --hardware: where each model goes, its memory on each device, its hours; status 2 where one does not fit.
    """
    from genprm.hardware.devices import parse_hardware
    from genprm.planning.assumptions import read_assumptions
    from genprm.planning.on_hardware import place
    from genprm.planning.saved import plan_from_assumptions, save_plan
    from genprm.profiles import load_profile
    from genprm.speed.tables import show

    as_json = options.as_json
    chosen = load_profile(options.profile, options.overrides or ())
    devices = None if options.hardware is None else parse_hardware(options.hardware)
    assumed = read_assumptions(options.assume or ())
    if options.pilot is None:
        made = plan_from_assumptions(chosen, assumed)
    else:
        from genprm.data_sets.problems import load_problems
        from genprm.data_sets.sources import data_directory
        from genprm.planning.pilot import plan_from_pilot, spread

        problems = spread(load_problems(chosen.problems, data_directory(options.data)), options.pilot)
        given = {assignment.partition("=")[0] for assignment in options.assume or ()}
        made, assumed = plan_from_pilot(chosen, problems, assumed, given)
    save_plan(chosen, made)
    if devices is not None:
        _show_placed(chosen, place(chosen, made.rows, devices, assumed), devices, assumed, as_json)
        return
    rows = [_as_json(row) if as_json else _shown(row) for row in made.rows]
    notes = [
        "read, written: tokens of prompts, and of what is generated; once: with every shared prefix read once.",
        "95 %: of the tokens written, by the chance of problems; assumptions may be wrong beyond that.",
        "checkpoints: conversations, and tokens trained on. refinement: critiques and rewrites. search: steps.",
        "runs: of code.",
        "Kept: genprm status shows it beside what the run spends.",
        _assumed(assumed),
    ]
    show(f"Plan of {chosen.name}, {made.source}", rows, as_json, notes)


def _assumed(assumed: Assumptions) -> str:
    return "assumed: " + ", ".join(f"{name} {value:g}" for name, value in assumed.model_dump().items())


def _as_json(row: Planned) -> dict[str, Any]:
    values = {**asdict(row), "artifact": row.caption}
    del values["work"]
    return values


def _show_placed(
    profile: Profile, placed: Sequence[Placed], hardware: Hardware, assumed: Assumptions, as_json: bool
) -> None:
    from genprm.data_sets.rows import InputError
    from genprm.planning.on_hardware import refusals
    from genprm.speed.tables import show

    rows = [_placed(one) for one in placed]
    refused = refusals(placed)
    if not refused:
        hours, gpu_hours = (sum(row[name] or 0.0 for row in rows) for name in ("hours", "GPU-h"))
        rows.append({"artifact": "all", "hours": hours, "GPU-h": gpu_hours, "days": hours / 24})
    notes = [
        "GiB: of each device; of an engine with one whole context. room: what a device has for work.",
        "rows: requests answered beside each other by a copy, with contexts of the mean length.",
        "hours: one artifact after the other. Where devices have no name, those of an A100.",
        _assumed(assumed),
    ]
    show(f"Plan of {profile.name} on {hardware}", rows, as_json, notes)
    if refused:
        raise InputError("; ".join(refused))


def _placed(one: Placed) -> dict[str, Any]:
    where = one.placement
    return {
        "artifact": one.artifact,
        "model": one.model,
        "placement": where.way,
        "GiB": round(where.memory.gib, 1),
        "room": round(where.usable_gib, 1),
        "fits": "yes" if where.fits else f"{where.lack_gib:.1f} GiB short",
        "rows": where.rows,
        "hours": where.hours,
        "GPU-h": where.gpu_hours if where.fits else None,
    }


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
