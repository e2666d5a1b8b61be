"""A fence is held until the process that holds it has ended, however that was."""

from __future__ import annotations

import subprocess
import sys

import pytest

from genprm.settings import home
from orchestration.fence import hold, is_free, new_fence

HOLDER = """
import sys, pathlib, orchestration.fence as fence
held = fence.hold(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_fence_is_free_when_its_holder_was_killed() -> None:
    fence = new_fence()
    assert fence.is_relative_to(home())
    assert is_free(fence, 0)
    command = [sys.executable, "-c", HOLDER, str(fence)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert not is_free(fence, 0.5)
        holder.kill()
        assert is_free(fence, 30)


def test_a_machine_with_another_home_does_not_see_it() -> None:
    fence = new_fence()
    fence.unlink()
    with pytest.raises(FileNotFoundError):
        hold(fence)
