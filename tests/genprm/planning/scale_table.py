"""The table of docs/scale.md, as the program makes it: `python -m tests.genprm.planning.scale_table`."""

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


def lines() -> Iterator[str]:
    """Row by row, in Markdown."""
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
    print("\n".join(lines()))
