"""The zygote's look at its supervisor while it loads libraries."""

from __future__ import annotations

import os
import time

import pytest

from genprm.sandbox.inside import zygote


def test_a_look_that_the_next_alarm_interrupts_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zygote, "_LOOK_SECONDS", 1e-4)
    living, held = os.pipe()  # never readable while its other end is open
    starting = object.__new__(zygote.Zygote)
    starting._supervisor = living
    loops = 0
    with starting._looking_up():
        until = time.process_time() + 0.3
        while time.process_time() < until:
            loops += 1
    assert loops
    os.close(living)
    os.close(held)
