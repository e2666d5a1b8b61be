"""What work costs: wall time, processor time, memory."""

from __future__ import annotations

import subprocess
import sys
import time

from genprm.bench.usage import measured

BUSY = "import time\nwhile time.process_time() < 0.3: pass"


def test_processor_time_of_children_counts_and_waiting_does_not() -> None:
    with measured() as usage:
        time.sleep(0.2)
        subprocess.run([sys.executable, "-c", BUSY], check=True)

    assert usage.cpu_seconds >= 0.3
    assert usage.seconds >= 0.2


def test_the_peak_is_at_least_what_this_process_holds() -> None:
    held = bytearray(64 * 2**20)
    with measured() as usage:
        pass

    assert usage.peak_mb >= len(held) / 2**20
