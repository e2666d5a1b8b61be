"""The job of a process of reinforcement learning: that of any training, and the machine settings to judge with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from genprm.modes import Mode
from genprm.profiles import MachineSettings, machine_settings
from genprm.settings import EngineSettings, ReinforcementSettings, TrainingSettings
from genprm.training.job import TrainingJob
from genprm.training.launch import run_job
from genprm.training.report import TrainingReport
from genprm.training.rl.episodes import LabelledCase


@dataclass(frozen=True, slots=True)
class ReinforcementJob(TrainingJob):
    """`base` is the fine-tuned verifier, `settings.rl` says how it is trained further, and `manifest` in which mode
    and with which turn format it judges."""

    machine: MachineSettings = field(
        default_factory=lambda: machine_settings(EngineSettings(backend="transformers"), ())
    )
    """How the verifications are made; no weight depends on it."""

    @property
    def rl(self) -> ReinforcementSettings:
        """`settings.rl`.

        Raises:
            ValueError: the settings have none.
        """
        if self.settings.rl is None:
            raise ValueError("training.rl is empty: there is nothing to say how to train further")
        return self.settings.rl

    @property
    def further(self) -> TrainingSettings:
        """`settings` as they hold here: all weights are trained, also where fine-tuning trained an adapter, no
        conversation is longer than what the engine reads, and a batch is what one update is taken from."""
        longest = min(self.settings.max_length, self.machine.engine.max_context)
        batch = self.rl.solutions * self.rl.group // self.rl.updates_per_batch
        return self.settings.model_copy(update={"lora": None, "max_length": longest, "batch_size": batch})

    @property
    def engine(self) -> EngineSettings:
        """The machine's engine settings with the training's maximum length as context: what it writes is learned
        from whole."""
        return self.machine.engine.model_copy(update={"max_context": self.further.max_length})

    def described(self) -> dict[str, object]:
        """The job as `write` writes it."""
        machine = {name: section.model_dump(mode="json") for name, section in self.machine._asdict().items()}
        return {**TrainingJob.described(self), "machine": machine}


def check_count(job: ReinforcementJob, count: int, which: str = "") -> None:
    """Refuse a batch of more solutions than there are; the message describes them further with `which`.

    Raises:
        ValueError: there are fewer.
    """
    if count < job.rl.solutions:
        told = f"training.rl.solutions is {job.rl.solutions}"
        raise ValueError(f"{told}, allowed: at most the {count} labelled solutions{which}")


def train_further(
    cases: Sequence[LabelledCase], job: ReinforcementJob, env: Mapping[str, str], log: Callable[[str], None]
) -> TrainingReport:
    """Train the verifier `job.base` by how rightly it judges labelled solutions, in a process of its own.

    Everything else is as in `genprm.training.run_training`: the checkpoint appears whole or not at all, and an
    interrupted run continues. Beside the losses, the checkpoint has `episodes.json`, an entry per batch of
    verifications.

    Raises:
        ValueError: no cases, or fewer than a batch of verifications takes; or the verifier judges in mode adaptive,
            in which it would never write an analysis: a drawn verdict is always sure, with reward 0 or 1.
        EngineError: the model cannot be used.
        TrainingError: the process failed.
    """
    if job.manifest["inference_mode"] == Mode.ADAPTIVE:
        allowed = ", ".join(mode for mode in Mode if mode is not Mode.ADAPTIVE)
        raise ValueError(f"inference_mode is 'adaptive', whose drawn verdicts are always sure, allowed: {allowed}")
    check_count(job, len(cases))
    return run_job("genprm.training.rl.process", cases, job, env, log)
