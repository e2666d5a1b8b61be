"""Processes that end with the one that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from genprm.parents import dying_with_us


def guarded(code: str, *arguments: str) -> subprocess.Popen[str]:
    """A program of Python below its guard."""
    command = dying_with_us([sys.executable, "-c", code, *arguments])
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def test_the_guard_passes_on_arguments_output_and_status() -> None:
    with guarded("import sys; print(sys.argv[1:], flush=True); sys.exit(3)", "a b", "c") as guard:
        said, _ = guard.communicate()
    assert (said, guard.returncode) == ("['a b', 'c']\n", 3)


def test_a_group_that_is_asked_to_end_may_take_its_time() -> None:
    code = "import signal, sys; print('there', flush=True); signal.sigwait([signal.SIGTERM]); print('closed')"
    blocked = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); "
    with guarded(blocked + code) as guard:
        assert guard.stdout is not None
        assert guard.stdout.readline() == "there\n"
        os.killpg(guard.pid, signal.SIGTERM)
        said, _ = guard.communicate()
    assert (said, guard.returncode) == ("closed\n", 0)


def test_one_whose_parent_has_ended_already_does_not_begin() -> None:
    code = f"from genprm.parents import die_with; die_with({os.getppid()}); print('begun')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"process {os.getppid()}, which started this one, has already ended\n"
