"""A worker process in a training, when its run is interrupted."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import fake_method
import pytest

from orchestration import worker
from orchestration.crew import Crew
from orchestration.home import prepare
from orchestration.needs import Needs
from orchestration.staleness import Node
from orchestration.worker import Advance, Order, Worker

TRAINING = Node("checkpoints", None)


def in_training() -> Crew:
    """A crew of one process, in the middle of a training."""
    prepare()
    profile = fake_method.fake_profile()
    crew = Crew(1, lambda _: Worker(profile, "fake_training:build", "session"), lambda _: Needs())
    crew.summon(["checkpoints"])
    (member,) = [crew.give(TRAINING, Order("checkpoints", None))]
    assert [(one, said) for one, said in crew.messages()] == [(member, Advance(0, 2))]
    return crew


@pytest.mark.slow
def test_an_interrupted_training_saves_its_state_however_long_that_takes(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "STOP_SECONDS", 0.5)
    monkeypatch.setenv("FAKE_SAVING", "2")
    crew = in_training()
    awaited: list[Node] = []
    crew.stop(awaited.append)
    crew.close()
    assert awaited == [TRAINING]
    assert fake_method.calls() == ["saved"]
    with dg.DagsterInstance.get() as instance:
        assert [run.is_finished for run in instance.get_runs()] == [True]


@pytest.mark.slow
def test_a_second_interrupt_does_not_wait_for_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "STOP_SECONDS", 0.5)
    monkeypatch.setenv("FAKE_SAVING", "600")
    crew = in_training()

    def interrupted(_: Node) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crew.stop(interrupted)
    crew.close()
    assert fake_method.calls() == []
