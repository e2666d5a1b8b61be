"""Which level a sandbox has, and what is said when one cannot be had."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest

from genprm.sandbox import bubblewrap, hosts, open_sandbox, probe, selftest
from genprm.sandbox.base import SandboxError
from genprm.sandbox.inside import kernel, landlock
from genprm.settings import SandboxSettings


@pytest.fixture(autouse=True)
def _tried_anew() -> Iterator[None]:
    probe.primitive.cache_clear()
    yield
    probe.primitive.cache_clear()


def without_landlock(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> int:
        raise kernel.Unsupported(errno.ENOSYS, "Landlock: Function not implemented")

    monkeypatch.setattr(landlock, "version", absent)


def test_the_best_level_that_the_machine_has_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "trial", lambda: None)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert open_sandbox(SandboxSettings()).level == 1

    probe.primitive.cache_clear()
    monkeypatch.setattr(bubblewrap, "trial", lambda: "bwrap: No permissions to create new namespace")
    assert open_sandbox(SandboxSettings()).level == 2


def test_without_landlock_the_weaker_levels_have_to_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    without_landlock(monkeypatch)
    with pytest.raises(SandboxError, match=r"no Landlock \(Function not implemented\).*Linux 5\.13.*asked for"):
        open_sandbox(SandboxSettings())
    with pytest.warns(UserWarning, match="level 3"):
        assert open_sandbox(SandboxSettings(level=3)).level == 3


def test_a_refusal_says_what_is_missing_and_what_would_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(SandboxError, match=r"level 1.*bwrap is not installed.*apt-get install bubblewrap"):
        open_sandbox(SandboxSettings(level=1))


@pytest.mark.parametrize(("level", "says"), [(3, "can read every file"), (0, "can do all that this user can")])
async def test_levels_3_and_0_warn_and_work(level: int, says: str) -> None:
    with pytest.warns(UserWarning, match=says):
        sandbox = open_sandbox(SandboxSettings(level=level, seconds=5.0, memory_mb=256))
    assert sandbox.level == level
    session = sandbox.session()
    assert (await session.run("x = 1\nprint(x)")).output == "1\n"
    opened = await session.run("print(open('/etc/hostname').read() != '')")
    assert opened.output == "True\n"
    reached = await session.run("import socket\nsocket.socket()")
    assert reached.status == ("ok" if level == 0 else "error")
    await sandbox.close()


async def test_a_sandbox_with_a_hole_does_not_start(level: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The layers of level 0 under the name of a level that promises more."""
    arguments = hosts.zygote_arguments
    weak = lambda python, inside, address, settings, _: arguments(python, inside, address, settings, 0)  # noqa: E731
    monkeypatch.setattr(hosts, "zygote_arguments", weak)
    monkeypatch.setattr(bubblewrap, "zygote_arguments", weak)
    sandbox = open_sandbox(SandboxSettings(level=level, memory_mb=256))
    with pytest.raises(SandboxError, match="self-test"):
        await sandbox.session().run("print(1)")
    await sandbox.close()


async def test_each_attempt_of_the_self_test_notices_its_layer_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """At level 0 everything forbidden that does not end the process is let through, so none of them is vacuous."""
    with pytest.warns(UserWarning, match="level 0"):
        sandbox = open_sandbox(SandboxSettings(level=0, seconds=20.0, memory_mb=256))
    for name, attempt in selftest.ATTEMPTS.items():
        if not attempt.forbidden or 2 not in attempt.levels:
            continue
        code = f"import sys, os\nmemory_mb = 256\n{attempt.code}\nprint('through')"
        if name == "run a program":
            assert (await sandbox.session().run(code)).status == "died"
        elif name == "write in /tmp":
            cleared = await sandbox.session().run(f"{code}\nos.remove('/tmp/genprm-selftest')")
            assert cleared.output == "through\n"
        else:
            assert (await sandbox.session().run(code)).output == "through\n", name
    await sandbox.close()


async def test_a_zygote_that_does_not_start_says_why(level: int) -> None:
    sandbox = open_sandbox(SandboxSettings(level=level, preload=("no_such_library",)))
    with pytest.raises(SandboxError, match=f"level {level}.*No module named 'no_such_library'"):
        await sandbox.session().run("print(1)")
    await sandbox.close()
