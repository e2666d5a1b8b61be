"""The tables of docs/scale.md, as the program makes them: `python -m tests.genprm.planning.scale_table`."""

from __future__ import annotations

from collections.abc import Iterator

from genprm.hardware.devices import parse_hardware
from genprm.planning.assumptions import Assumptions
from genprm.planning.on_hardware import Placed, place
from genprm.planning.saved import plan_from_assumptions
from genprm.profiles import load_profile

PROFILES = ("paper-1.5b", "paper-1.5b-lora", "paper-7b", "paper-7b-lora", "paper-32b")
HARDWARE = ("1xH100-80GB", "2xH100-80GB", "8xH100-80GB", "1xRTX4090-24GB", "2x8xH100-80GB")
_TRAINED = "checkpoints"
PROBLEMS = 7500
RUNS = (
    ("paper-7b", "8xH100-80GB", 1),
    ("paper-32b", "2x8xH100-80GB", 1),
    ("paper-7b", "2x8xH100-80GB", 100),
    ("paper-7b", "32x8xH100-80GB", 100),
)
"""Profile, hardware, and how many times the paper's problems."""


def artifact_lines() -> Iterator[str]:
    """Hours of each artifact of the whole run, row by row, in Markdown."""
    found = {run: _hours_by_artifact(*run) for run in RUNS}
    artifacts = list(dict.fromkeys(name for hours in found.values() for name in hours))
    heads = [f"{name}, {hardware}" + f", {times} x" * (times > 1) for name, hardware, times in RUNS]
    yield f"| | {' | '.join(heads)} |"
    yield f"|---|{'---|' * len(heads)}"
    for artifact in artifacts:
        yield f"| {artifact} | {' | '.join(f'{hours[artifact]:.2f}' for hours in found.values())} |"
    yield f"| all, hours | {' | '.join(f'{sum(hours.values()):.1f}' for hours in found.values())} |"
    gpus = [parse_hardware(hardware).count for _, hardware, _ in RUNS]
    totals = [count * sum(hours.values()) for count, hours in zip(gpus, found.values(), strict=True)]
    yield f"| all, GPU-hours | {' | '.join(f'{total:,.0f}' for total in totals)} |"


def _hours_by_artifact(name: str, hardware: str, times: int) -> dict[str, float]:
    profile, assumed = load_profile(name), Assumptions(problems=times * PROBLEMS)
    hours: dict[str, float] = {}
    for one in place(profile, plan_from_assumptions(profile, assumed).rows, parse_hardware(hardware), assumed):
        hours[one.artifact] = hours.get(one.artifact, 0.0) + (one.placement.hours or 0.0)
    return hours


def lines() -> Iterator[str]:
    """What fits where, row by row, in Markdown."""
    yield "| profile | on | rationales (QwQ-32B) | checkpoints | hours | days |"
    yield "|---|---|---|---|---|---|"
    assumed = Assumptions()
    for name in PROFILES:
        profile = load_profile(name)
        planned = plan_from_assumptions(profile, assumed).rows
        for hardware in HARDWARE:
            placed = place(profile, planned, parse_hardware(hardware), assumed)
            cells = [
                _cell(next(one for one in placed if one.artifact == wanted)) for wanted in ("rationales", _TRAINED)
            ]
            yield f"| {name} | {hardware} | {' | '.join(cells)} | {_hours(placed)} |"


def _cell(one: Placed) -> str:
    where = one.placement
    if where.fits:
        split = (
            f"{where.copies} x {where.split}" if where.copies > 1 or one.artifact != _TRAINED else f"{where.split}"
        )
        return f"{split}, {where.memory.gib:.1f} GiB"
    return f"{where.lack_gib:.1f} GiB short"


def _hours(placed: list[Placed]) -> str:
    if not all(one.placement.fits for one in placed):
        return "does not fit | "
    hours = sum(one.placement.hours or 0.0 for one in placed)
    return f"{hours:.1f} | {hours / 24:.2f}"


if __name__ == "__main__":
    print("\n".join([*lines(), "", *artifact_lines()]))
