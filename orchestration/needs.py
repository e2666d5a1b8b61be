"""What an artifact needs of the machine that makes it, for placing workers on several machines."""

from __future__ import annotations

from dataclasses import dataclass

from assets.artifact import Artifact, Stage, load_artifacts
from genprm.settings import Profile


@dataclass(frozen=True, slots=True)
class Needs:
    """Processors and GPUs that a worker has to itself, all on one node."""

    cpus: int = 1
    gpus: int = 0

    def cover(self, other: Needs) -> bool:
        """Whether a worker with these resources can do work that needs `other`."""
        return self.cpus >= other.cpus and self.gpus >= other.gpus

    def __str__(self) -> str:
        return f"{self.gpus} GPUs and {self.cpus} CPUs on one node"


def trains(artifact: str) -> bool:
    """Whether `artifact` is made by a training, which saves its state when it is asked to stop."""
    known = _on_an_engine(artifact)
    return known is not None and known.declared.stage is Stage.TRAINING


def needs_of(artifact: str | None, profile: Profile) -> Needs:
    """What a worker needs to make `artifact`; one processor where that is None or uses no engine.

    Each process of a training and each shard of each copy of a model needs a GPU, or a processor where
    `runner.gpus` is false. Models on servers need no GPU.
    """
    known = None if artifact is None else _on_an_engine(artifact)
    if known is None:
        return Needs()
    engine = profile.engine
    if known.declared.stage is Stage.TRAINING:
        processes = profile.training.processes_here
    elif engine.backend == "openai":
        processes = 0
    else:
        processes = engine.replicas * engine.tensor_parallel
    return Needs(gpus=processes) if profile.runner.gpus else Needs(cpus=max(1, processes))


def _on_an_engine(artifact: str) -> Artifact | None:
    """The artifact of that name that opens a model or trains one."""
    known = load_artifacts().get(artifact)
    return known if known is not None and known.declared.uses_engine else None
