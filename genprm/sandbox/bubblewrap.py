"""Level 1: the zygote in namespaces of its own, where there are no files but the interpreter's, and no network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from genprm.sandbox.hosts import ENVIRONMENT, INSIDE, ZygoteProcess, call_inside, zygote_arguments
from genprm.sandbox.inside import lockdown, scratch
from genprm.settings import SandboxSettings

_DEVICES = ("null", "zero", "urandom", "random")
_INSIDE_THERE = "/inside"
_CAPABILITIES = ("CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_KILL")
"""What the zygote needs: to mount scratch directories of sessions, and to give each session its own user id."""

_TRIAL_SECONDS = 30.0


class BubblewrapHost:
    """Zygotes in new process, network, mount, IPC and host-name namespaces.

    Started by root, a zygote stays root in them (with four capabilities) and gives each session an unprivileged
    user id; started by anyone else, it is in a user namespace as well, where every session has the user's id.
    """

    level = 1

    def start(self, settings: SandboxSettings) -> ZygoteProcess:
        """Start a zygote under `bwrap`."""
        prefix = command_prefix()
        return ZygoteProcess(
            lambda address: prefix + zygote_arguments(sys.executable, _INSIDE_THERE, address, settings, self.level)
        )


def command_prefix() -> list[str]:
    """The beginning of a command line, which runs the rest of it inside the namespaces.

    Raises:
        FileNotFoundError: there is no `bwrap`.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise FileNotFoundError("bwrap: no such program")
    own_user = [] if os.geteuid() == 0 else ["--unshare-user", "--uid", "0", "--gid", "0"]
    namespaces = [f"--unshare-{kind}" for kind in ("pid", "net", "ipc", "uts", "cgroup-try")]
    capabilities = ["--cap-drop", "ALL", *(word for name in _CAPABILITIES for word in ("--cap-add", name))]
    devices = ["--perms", "0755", "--dir", "/dev"]
    devices += [word for name in _DEVICES for word in ("--dev-bind", f"/dev/{name}", f"/dev/{name}")]
    # The zygote as process 1: whatever ends it, the kernel ends everything in the namespace.
    return [
        program, *own_user, *namespaces, "--as-pid-1", *capabilities, *_files(),
        "--ro-bind", str(INSIDE), _INSIDE_THERE, *devices, "--proc", "/proc",
        "--perms", "0755", "--dir", scratch.PARENT, "--perms", "0755", "--dir", scratch.PLACE,
        "--setenv", "HOME", scratch.PLACE, "--setenv", "TMPDIR", scratch.PLACE, "--remount-ro", "/",
    ]  # fmt: skip


def _files() -> list[str]:
    """Arguments that show the interpreter's files, read-only, at their own paths, below directories that any user
    may pass. (A home directory that is private outside is not private inside, where it holds nothing else.)"""
    shown = [path for path in dict.fromkeys(_interpreter_paths()) if os.path.exists(path)]
    parents = {str(parent) for path in shown for parent in Path(path).parents}
    arguments = [word for parent in sorted(parents) for word in ("--perms", "0755", "--dir", parent)]
    return arguments + [word for path in sorted(shown) for word in ("--ro-bind", path, path)]


def _interpreter_paths() -> list[str]:
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    own = [*prefixes, *lockdown.interpreter_files(), sysconfig.get_path("scripts")]
    program = sys.executable
    while os.path.islink(program):
        own.append(program)
        program = os.path.join(os.path.dirname(program), os.readlink(program))
    own.append(os.path.normpath(program))
    covered = [Path(path) for path in prefixes]
    return [path for path in own if Path(path) in covered or not any(p in Path(path).parents for p in covered)]


def trial() -> str | None:
    """Why namespaces with a scratch directory cannot be had here; None when they can. Starts Python in them."""
    try:
        command = command_prefix() + call_inside(sys.executable, _INSIDE_THERE, "scratch", "trial")
        done = subprocess.run(
            command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, cwd="/", timeout=_TRIAL_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    words = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return words[-1] if words else f"status {done.returncode}"
