"""Trainings that several machines share: the first invites, and on each of the others `genprm join` answers.

An invitation is a file in the home, which all machines see under one path. A machine that takes part claims a
number by making a file beside the invitation. These files are removed once the training has ended.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from genprm.files import write_text
from genprm.settings import home
from genprm.training.job import TrainingJob, read_job
from genprm.training.launch import child_environment

ADDRESS = "GENPRM_ADDRESS"
"""Environment variable with the name under which other machines reach this one; its host name unless set."""
_LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Invitation:
    """A training that waits for machines: what is run, on which job, and where they meet (`HOST:PORT`)."""

    module: str
    job: str
    endpoint: str


def address() -> str:
    """The name under which other machines reach this one."""
    return os.environ.get(ADDRESS) or socket.getfqdn()


def free_endpoint() -> str:
    """A port of this machine that nobody listens to, as `HOST:PORT`."""
    with socket.socket() as listening:
        listening.bind(("", 0))
        return f"{address()}:{listening.getsockname()[1]}"


def invitations() -> Path:
    """The directory of invitations."""
    return home() / "trainings"


@contextmanager
def inviting(invitation: Invitation) -> Iterator[Path]:
    """Publish an invitation while the block runs, in place of an earlier one to the same job; yield its path."""
    for path in invitations().glob("*.json"):
        if _read(path).job == invitation.job:  # left by a run that was killed
            _remove(path)
    path = invitations() / f"{uuid.uuid4().hex}.json"
    write_text(path, json.dumps(asdict(invitation)))
    try:
        yield path
    finally:
        _remove(path)


def _read(path: Path) -> Invitation:
    return Invitation(**json.loads(path.read_text()))


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    for taken in path.parent.glob(f"{path.stem}.*"):
        taken.unlink(missing_ok=True)


def answer() -> int:
    """Wait for a training that has room for this machine, and join it; return the exit status of its processes."""
    while True:
        for path in sorted(invitations().glob("*.json")):
            with suppress(FileNotFoundError):  # it has ended meanwhile
                invitation = _read(path)
                if not is_listening(invitation.endpoint):  # not yet, or it was killed
                    continue
                settings = read_job(Path(invitation.job), TrainingJob).settings
                number = take_number(path, settings.nodes)
                if number is not None:
                    return _take_part(invitation, number, settings.processes_here)
        time.sleep(_LOOK_SECONDS)


def is_listening(endpoint: str) -> bool:
    """Whether a machine can be reached at `HOST:PORT`."""
    host, _, port = endpoint.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_LOOK_SECONDS).close()
    except OSError:
        return False
    return True


def take_number(path: Path, nodes: int) -> int | None:
    """Claim the first number from 1 that no machine has; None where all are taken.

    Raises:
        FileNotFoundError: the invitation `path` is gone.
    """
    for number in range(1, nodes):
        taken = path.with_suffix(f".{number}")
        try:
            taken.touch(exist_ok=False)
        except FileExistsError:
            continue
        if not path.exists():
            taken.unlink()
            raise FileNotFoundError(path)
        return number
    return None


def _take_part(invitation: Invitation, number: int, processes: int) -> int:
    print(f"joining the training {invitation.job} at {invitation.endpoint}, machine {number + 1}", flush=True)
    starts = [sys.executable, "-m", "genprm.training.processes", invitation.module, invitation.job]
    return subprocess.run(
        [*starts, invitation.endpoint, str(number)],
        env=child_environment(os.environ, processes),
        check=False,
    ).returncode
