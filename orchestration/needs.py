"""What an artifact needs of the machine that makes it, for those who place workers on several."""

from __future__ import annotations

from dataclasses import dataclass

from assets.artifact import Stage, load_artifacts
from genprm.settings import Profile


@dataclass(frozen=True, slots=True)
class Needs:
    """Processors and GPUs that a worker has to itself, all on one node."""

    cpus: int = 1
    gpus: int = 0

    def cover(self, other: Needs) -> bool:
        """Whether a worker with these can do what needs `other`."""
        return self.cpus >= other.cpus and self.gpus >= other.gpus

    def __str__(self) -> str:
        return f"{self.gpus} GPUs and {self.cpus} CPUs on one node"


def needs_of(artifact: str | None, profile: Profile) -> Needs:
    """What the worker needs that makes `artifact`; that of what is no artifact one processor.

    Each process of a training and each shard of each copy of a model has a GPU; a processor where
    `runner.gpus` is false. Models on servers need none.
    """
    known = None if artifact is None else load_artifacts().get(artifact)
    if known is None or not known.declared.uses_engine:
        return Needs()
    engine = profile.engine
    if known.declared.stage is Stage.TRAINING:
        processes = profile.training.processes
    elif engine.backend == "openai":
        processes = 0
    else:
        processes = engine.replicas * engine.tensor_parallel
    return Needs(gpus=processes) if profile.runner.gpus else Needs(cpus=max(1, processes))
