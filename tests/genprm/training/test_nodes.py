"""Machines that share a training: each has a number, and together they learn what one machine learns."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import pytest
from pydantic import ValidationError

from genprm.records import TrainingExample
from genprm.settings import TrainingSettings
from genprm.training import TrainingError, TrainingJob, run_training
from genprm.training.nodes import Invitation, free_endpoint, invitations, inviting, is_listening, take_number
from tests.genprm.training.test_resume import SETTINGS, ignore

ONE_MACHINE = SETTINGS.model_copy(update={"learning_rate": 1e-3, "processes": 2})
TWO_MACHINES = ONE_MACHINE.model_copy(update={"nodes": 2})
WAITING = Invitation("genprm.training.sft", "job.json", "head:29400")


@pytest.fixture(autouse=True)
def one_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The home that all machines see, and a network that is this machine."""
    monkeypatch.setenv("GENPRM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GENPRM_ADDRESS", "localhost")
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")


def test_each_machine_has_a_number_of_its_own() -> None:
    with inviting(WAITING) as invitation:
        assert [take_number(invitation, 3) for _ in range(3)] == [1, 2, None]

    assert list(invitations().iterdir()) == []


def test_a_new_try_takes_the_place_of_one_that_was_killed() -> None:
    invitations().mkdir(parents=True)
    (invitations() / "killed.json").write_text(json.dumps(asdict(WAITING)))
    (invitations() / "killed.1").touch()

    with inviting(WAITING) as invitation:
        assert list(invitations().iterdir()) == [invitation]


def test_nobody_joins_what_has_ended() -> None:
    with inviting(WAITING) as invitation:
        pass

    with pytest.raises(FileNotFoundError):
        take_number(invitation, 3)
    assert list(invitations().iterdir()) == []


def test_what_was_killed_is_joined_by_nobody() -> None:
    endpoint = free_endpoint()
    assert not is_listening(endpoint)
    with socket.create_server(("localhost", int(endpoint.partition(":")[2]))):
        assert is_listening(endpoint)


def test_each_machine_has_as_many_processes() -> None:
    assert TrainingSettings(processes=16, nodes=2).processes_here == 8
    with pytest.raises(ValidationError, match="processes is 8, allowed: a multiple of nodes, 3"):
        TrainingSettings(processes=8, nodes=3)


@contextmanager
def second_machine() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "genprm.cli", "join", "--once"]
    machine = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        yield machine
    finally:
        with suppress(ProcessLookupError):
            os.killpg(machine.pid, 9)
        machine.communicate()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_machines_learn_what_one_learns_also_after_one_was_lost(
    base_model: Path, examples: list[TrainingExample], tmp_path: Path
) -> None:
    lines: list[str] = []

    def upon_a_state(act: Callable[[], None]) -> Callable[[str], None]:
        def log(line: str) -> None:
            lines.append(line)
            if line.endswith("state saved"):
                act()

        return log

    alone = run_training(examples, TrainingJob(str(base_model), ONE_MACHINE, True, tmp_path / "one"), {}, ignore)
    job = TrainingJob(str(base_model), TWO_MACHINES, True, tmp_path / "two")
    with (
        second_machine() as machine,
        pytest.raises(TrainingError, match="process 0 of 1 ended with status 1, and the others with it"),
    ):
        run_training(examples, job, {}, upon_a_state(lambda: os.killpg(machine.pid, 9)))
    with second_machine() as machine:
        together = run_training(examples, job, {}, lines.append)
        assert machine.wait(60) == 0

    assert "continuing an interrupted run of the same job" in lines
    assert any(
        re.match(r"waiting at localhost:\d+ for 1 more of 2 machines \(genprm join\)", line) for line in lines
    )
    weights = [(report.checkpoint / "model.safetensors").read_bytes() for report in (alone, together)]
    assert weights[0] == weights[1]
    assert together.losses == alone.losses
