"""The battery as a user without privileges, when the tests themselves are run by root.

The interpreter may lie in a directory that is private to root: it is shown to the plain user in a mount namespace,
where an empty directory takes the place of the private one.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

NOBODY = 65534
REPOSITORY = Path(__file__).parents[3]

SHOW = """
set -e
hold={hold}
mount -t tmpfs -o mode=755 tmpfs $hold
mkdir $hold/prefix
mount --bind {prefix} $hold/prefix
mount -t tmpfs -o mode=755 tmpfs {private}
mkdir -p {prefix}
mount --bind $hold/prefix {prefix}
"""
RUN = """
cd {repository}
exec setpriv --reuid {uid} --regid {uid} --clear-groups --inh-caps -all --bounding-set -all {command}
"""


def private_parent(path: Path) -> Path | None:
    """The outermost directory on the way to `path` that other users may not pass."""
    for parent in reversed(path.parents):
        if not parent.stat().st_mode & 0o001:
            return parent
    return None


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_battery_as_a_plain_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    if os.geteuid() != 0:
        pytest.skip("not root: the battery ran as a plain user already")
    prefix = Path(sys.base_prefix)
    private, hold = private_parent(prefix), tmp_path_factory.mktemp("hold")
    show = "" if private is None else SHOW.format(hold=hold, prefix=prefix, private=private)
    tests = [f"tests/genprm/sandbox/{name}" for name in ("test_battery.py", "test_scratch.py")]
    arguments = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--basetemp=/tmp/genprm-plain-user",
        "--numprocesses=2",
        *tests,
    ]
    command = shlex.join(["env", "HOME=/tmp", "PYTHONDONTWRITEBYTECODE=1", *arguments, "-rs"])
    script = show + RUN.format(repository=REPOSITORY, uid=NOBODY, command=command)
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False)
    if "unshare failed" in done.stderr:
        pytest.skip(f"a mount namespace for the plain user: {done.stderr.strip()}")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
