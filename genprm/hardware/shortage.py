"""Whether work fits on an existing device."""

from __future__ import annotations

from collections.abc import Sequence

from genprm.hardware.devices import Device
from genprm.hardware.memory import GIB, Memory


def shortage(what: str, needed: Memory, device: Device, usable: float, advice: Sequence[str]) -> str | None:
    """One line about what a device is short of for `what`; None where it has enough.

    Args:
        usable: bytes of the device that the work may take.
        advice: what would fit.

    >>> card = Device("H100", total=80 * GIB, free=79 * GIB)
    >>> shortage("the model", Memory({"weights": 90 * GIB}), card, card.free, ["--set engine.max_context=4096"])
    'the model needs 90.0 GiB, H100 has 79.0 for it: 11.0 GiB short; would fit: --set engine.max_context=4096'
    >>> shortage("the model", Memory({"weights": 60 * GIB}), card, card.free, []) is None
    True
    """
    short = needed.gib - usable / GIB
    if short <= 0:
        return None
    fits = f"; would fit: {', or '.join(advice)}" if advice else ""
    there = f"{device.name} has {usable / GIB:.1f} for it"
    return f"{what} needs {needed.gib:.1f} GiB, {there}: {short:.1f} GiB short{fits}"
