"""An interrupted training goes on where it was, and ends with the weights of one that nobody disturbed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from genprm.records import TrainingExample
from genprm.settings import LoraSettings, TrainingSettings
from genprm.training import TrainingJob, TrainingReport
from genprm.training.discriminative_data import LabelledSolution
from genprm.training.job import EXAMPLES_FILE, Example, write_examples
from genprm.training.launch import run_job
from tests.genprm.training.train_here import train_here

GENERATIVE = "genprm.training.sft"
SETTINGS = TrainingSettings(
    epochs=5, learning_rate=1e-2, batch_size=4, device_batch_size=2, max_length=512, precision="fp32"
)
LABELLED = [
    LabelledSolution(
        str(n), f"Sam has {n} keys.", ["Sam has keys.", f"{n} + 1 = {n}."][: 1 + n % 2], [1, 0][: 1 + n % 2]
    )
    for n in range(10)
]


class Training(NamedTuple):
    """A training by the module `process`, of `base` on `examples`."""

    process: str
    examples: Sequence[Example]
    base: Path
    settings: TrainingSettings

    def started(self, out: Path, log: Callable[[str], None]) -> TrainingReport:
        """Train into `out` in a process, whose lines go to `log`."""
        return run_job(self.process, self.examples, self._job(out), {}, log)

    def undisturbed(self, out: Path) -> TrainingReport:
        """Train into `out`: in the process of the test, unless it takes several."""
        if self.settings.processes > 1:
            return self.started(out, ignore)
        return train_here(importlib.import_module(self.process).train, self.examples, self._job(out))

    def _job(self, out: Path) -> TrainingJob:
        return TrainingJob(str(self.base), self.settings, self.process == GENERATIVE, out)


def ignore(line: str) -> None:
    """Print nothing."""


def interrupt(line: str) -> None:
    """Stop a run of 15 updates in the middle of its fourth epoch."""
    if line == "step 10/15  state saved":
        raise InterruptedError(line)


@pytest.fixture(params=["generative", "discriminative", "lora", "8 bits, two processes"])
def training(request: Any, base_model: Path, body: Path, examples: list[TrainingExample]) -> Training:
    kind = str(request.param)
    if kind == "discriminative":
        return Training("genprm.training.discriminative_trainer", LABELLED, body, SETTINGS)
    changes: dict[str, Any] = {}
    if kind == "lora":
        changes = {"lora": LoraSettings(rank=4, alpha=8, dropout=0.1)}
    elif kind == "8 bits, two processes":
        pytest.importorskip("torchao", reason="torchao is not installed")
        changes = {"optimizer": "adamw-8bit", "processes": 2}
    return Training(GENERATIVE, examples, base_model, SETTINGS.model_copy(update=changes))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_same_data_same_weights_also_after_an_interruption(training: Training, tmp_path: Path) -> None:
    homes = tmp_path / "undisturbed", tmp_path / "interrupted"
    undisturbed = training.undisturbed(homes[0])

    with pytest.raises(InterruptedError):
        training.started(homes[1], interrupt)
    assert not homes[1].exists()
    lines: list[str] = []
    resumed = training.started(homes[1], lines.append)

    assert "continuing an interrupted run of the same job" in lines
    assert not any(line.startswith("step 1/") for line in lines)
    weights = [(report.checkpoint / "model.safetensors").read_bytes() for report in (undisturbed, resumed)]
    assert weights[0] == weights[1]
    assert resumed.losses == undisturbed.losses
    assert not list(tmp_path.glob(".*.work"))


@pytest.mark.slow
def test_one_whole_state_is_kept_and_taken_up(
    base_model: Path, examples: list[TrainingExample], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from genprm.training import sft
    from genprm.training.resume import last_state

    job = TrainingJob(str(base_model), SETTINGS.model_copy(update={"epochs": 7.0}), True, tmp_path / "out")
    states = job.work_dir / "trainer"
    states.mkdir(parents=True)
    write_examples(examples, job.work_dir / EXAMPLES_FILE)
    sft.train(job)
    assert [state.name for state in states.glob("checkpoint-*")] == ["checkpoint-20"]
    first = (job.out_dir / "model.safetensors").read_bytes()
    # As if the process had been killed while it wrote a later state.
    (states / "checkpoint-99").mkdir()
    assert last_state(states) == states / "checkpoint-20"
    capsys.readouterr()
    sft.train(job)
    assert "state saved" not in capsys.readouterr().out, "of 21 updates one is left"
    assert (job.out_dir / "model.safetensors").read_bytes() == first


@pytest.mark.parametrize("updates", [1, 3, 10, 11, 50, 51, 360, 100_000])
def test_states_are_few_and_none_follows_the_last_update(updates: int) -> None:
    from types import SimpleNamespace

    from genprm.training.resume import ResumeStates

    saved = []
    for step in range(1, updates + 1):
        control = SimpleNamespace(should_save=True)
        ResumeStates().on_step_end(None, SimpleNamespace(global_step=step, max_steps=updates), control)
        if control.should_save:
            saved.append(step)
    assert len(saved) <= 4
    assert updates not in saved
    assert all(later - earlier >= 10 for earlier, later in zip([0, *saved], saved, strict=False))
    assert bool(saved) == (updates > 10)


def test_an_interrupt_asks_for_a_state_and_for_the_end() -> None:
    import os
    import signal
    from types import SimpleNamespace

    from genprm.training.resume import ResumeStates

    before = signal.getsignal(signal.SIGINT)
    states, state = ResumeStates(every=2), SimpleNamespace(global_step=3, max_steps=100)
    control = SimpleNamespace(should_save=False, should_training_stop=False)
    states.on_train_begin(None, state, control)
    os.kill(os.getpid(), signal.SIGINT)
    states.on_step_end(None, state, control)
    assert (control.should_save, control.should_training_stop) == (False, False), "this one has no state"
    state.global_step = 4
    states.on_step_end(None, state, control)
    assert (control.should_save, control.should_training_stop) == (True, True)
    states.on_train_end(None, state, control)
    assert signal.getsignal(signal.SIGINT) is before
