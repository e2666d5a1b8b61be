"""Torch's own count of what a process allocates and frees."""

from __future__ import annotations

from typing import Any


def held(weight: Any) -> int:
    """Bytes of a parameter that are here; of one that is shared, the part of this process."""
    here = getattr(weight, "to_local", lambda: weight)()
    return int(here.numel() * here.element_size())


def most_allocated(profiled: Any) -> int:
    """The largest sum of what was allocated and not yet freed while a profile watched."""
    events = [event for event in profiled.profiler.kineto_results.events() if event.name() == "[memory]"]
    live = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    return peak
