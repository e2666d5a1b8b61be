"""`genprm plan`: what a profile will cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from genprm.bench.tables import Cell
    from genprm.planning.totals import Planned

SIMULATED = 300
"""Problems simulated for a plan without a pilot."""


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
    import numpy as np

    from genprm.bench.tables import show
    from genprm.planning.assumptions import read_assumptions
    from genprm.planning.costs import simulated_cost
    from genprm.planning.totals import plan as planned
    from genprm.settings import load_profile

    chosen = load_profile(profile, overrides or ())
    assumed = read_assumptions(assume or ())
    if pilot is None:
        rng = np.random.default_rng(0)
        costs = [simulated_cost(chosen, assumed, rng) for _ in range(SIMULATED)]
        source = f"from assumptions ({SIMULATED} simulated problems)"
    else:
        from genprm.planning.pilot import measured_costs, spread
        from genprm.problems import load_problems
        from genprm.sources import data_directory

        problems = spread(load_problems(chosen.problems, data_directory(data)), pilot)
        costs, speed = measured_costs(chosen, problems)
        source = f"from a pilot on {len(problems)} problems"
        if not any(assignment.startswith("generated_per_second=") for assignment in assume or ()):
            assumed = assumed.model_copy(update={"generated_per_second": speed})
    rows = [_shown(row) for row in planned(chosen, costs, assumed)]
    notes = [
        "low, high: 95 % of the output tokens by the chance of problems; assumptions may be wrong beyond that.",
        "M: million tokens. read once: with every shared prefix read once. checkpoints: tokens trained on.",
        "assumed: " + ", ".join(f"{name} {value:g}" for name, value in assumed.model_dump().items()),
    ]
    show(f"Plan of {chosen.name}, {source}", rows, as_json, notes)


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
