"""The zygote's look at its supervisor while it loads libraries."""

from __future__ import annotations

import os
import time

from genprm.sandbox.inside import zygote


def test_a_look_that_the_next_alarm_interrupts_ends_nothing() -> None:
    living, held = os.pipe()  # never readable while its other end is open
    loops = 0
    with zygote.ending_with(living, look_seconds=1e-4):
        until = time.process_time() + 0.3
        while time.process_time() < until:
            loops += 1
    assert loops
    os.close(living)
    os.close(held)
