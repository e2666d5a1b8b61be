"""Leases of GPUs: one taker a device, whoever asks and however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestration.leases import take

DEVICES = ("0", "1")

TAKER = """
import os, signal, sys, time
from pathlib import Path
from orchestration.leases import take
folder, count, dies = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "dies"
lease = take(("0", "1"), count, folder)
marks = [folder / f"mark-{name}" for name in lease.names]
for mark in marks:
    os.close(os.open(mark, os.O_CREAT | os.O_EXCL))  # fails where another has the device
time.sleep(0.02)
for mark in marks:
    mark.unlink()
if dies:
    os.kill(os.getpid(), signal.SIGKILL)
lease.release()
"""
HOLDER = """
import subprocess, sys, time
from pathlib import Path
from orchestration.leases import take
lease = take(("0", "1"), 1, Path(sys.argv[1]))
heir = subprocess.Popen(["sleep", "600"], pass_fds=lease.locks)
print(heir.pid, flush=True)
time.sleep(600)
"""


def test_fifty_takers_of_two_devices_never_share_one_and_the_killed_leave_none_held(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TAKER, str(tmp_path)]
    takers = []
    for number in range(50):
        count, end = 1 + (number % 10 == 9), "dies" if number % 5 == 0 else "releases"
        takers.append(subprocess.Popen([*command, str(count), end], stderr=subprocess.PIPE, text=True))
    errors = [taker.communicate(timeout=120)[1] for taker in takers]
    ends = [taker.returncode for taker in takers]
    assert ends == [-signal.SIGKILL if number % 5 == 0 else 0 for number in range(50)], "".join(errors)
    assert all(error.count("waiting for") <= 1 for error in errors)
    take(DEVICES, 2, tmp_path).release()


def test_a_device_is_held_until_the_last_process_that_works_on_it_ends(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        heir = int(holder.stdout.readline())
        holder.kill()
    other = take(DEVICES, 1, tmp_path)
    assert other.names == ("1",)
    os.kill(heir, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while (found := take(DEVICES, 1, tmp_path)).names != ("0",):
        assert time.monotonic() < deadline
    found.release()
    other.release()


def test_who_waits_says_so_once_with_the_owner(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lease = take(DEVICES, 2, tmp_path)
    code = (
        "from orchestration.leases import take; import sys, pathlib; take(('0', '1'), 1, pathlib.Path(sys.argv[1]))"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.PIPE, text=True) as waiter:
        while not lease.awaited:
            time.sleep(0.01)
        time.sleep(1.0)
        assert waiter.poll() is None
        lease.release()
        _, said = waiter.communicate(timeout=60)
    assert said == f"waiting for 1 of the GPUs 0 (process {os.getpid()}), 1 (process {os.getpid()})\n"
    assert waiter.returncode == 0


def test_more_devices_than_there_are_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="3 devices are asked for, allowed: at most the 2"):
        take(DEVICES, 3, tmp_path)
