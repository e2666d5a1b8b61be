"""What work costs: wall time, processor time, memory."""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import pytest

from genprm.speed.usage import measured

BUSY = "import time\nwhile time.process_time() < 0.3: pass"


def processor_seconds() -> float:
    """What the operating system says this process and its ended children have used."""
    records = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(record.ru_utime + record.ru_stime for record in records)


def test_processor_time_is_what_the_system_counts_for_this_process_and_its_children() -> None:
    before = processor_seconds()
    with measured() as usage:
        time.sleep(0.2)
        subprocess.run([sys.executable, "-c", BUSY], check=True)

    # The files under /proc that `measured` reads count in ticks of 10 ms, one for each of four sums at either end.
    assert usage.cpu_seconds == pytest.approx(processor_seconds() - before, abs=0.1)
    assert usage.cpu_seconds > 0.25
    assert usage.seconds >= 0.2


def test_the_peak_is_at_least_what_this_process_holds() -> None:
    held = bytearray(64 * 2**20)
    with measured() as usage:
        pass

    assert usage.peak_mb >= len(held) / 2**20
