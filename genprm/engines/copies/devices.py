"""Which GPUs an engine may use, and how copies of a model share them out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from genprm.engines.base import EngineError
from genprm.settings import EngineSettings

DEVICES_VARIABLE = "GENPRM_DEVICES"
"""Environment variable that names the GPUs to use, such as `0,1`; CUDA is then not asked which there are."""


class Devices(NamedTuple):
    """GPUs by the names that `CUDA_VISIBLE_DEVICES` takes.

    Processes inherit the file descriptors `locks`, so that leased GPUs stay leased until the last of them ends.
    """

    names: tuple[str, ...]
    locks: tuple[int, ...] = ()


def visible_devices() -> tuple[str, ...]:
    """The GPUs that this process may use: those of `GENPRM_DEVICES`, or else what CUDA shows it; none on a CPU."""
    named = os.environ.get(DEVICES_VARIABLE)
    if named is None:
        import torch

        count = torch.cuda.device_count()
        named = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(count)))
        return _names(named)[:count]
    return _names(named)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def wanted_devices(settings: EngineSettings, available: int) -> int:
    """How many GPUs an engine gets; copies of the embedded engine share GPUs where there are too few.

    Raises:
        EngineError: there are fewer than vLLM needs.
    """
    wanted = settings.replicas * settings.tensor_parallel
    if settings.backend == "vllm" and 0 < available < wanted:
        raise EngineError(
            f"engine.replicas {settings.replicas} x engine.tensor_parallel {settings.tensor_parallel} asks for "
            f"{wanted} GPUs, allowed: the {available} of this machine"
        )
    return min(wanted, available)


def device_groups(names: Sequence[str], settings: EngineSettings) -> list[tuple[str, ...]]:
    """The GPUs of each copy: its own ones, or assigned in turn where copies of the embedded engine share them.

    >>> device_groups("0123", EngineSettings(replicas=2, tensor_parallel=2))
    [('0', '1'), ('2', '3')]
    >>> device_groups("47", EngineSettings(backend="transformers", replicas=3))
    [('4',), ('7',), ('4',)]

    Raises:
        EngineError: there are fewer than vLLM needs.
    """
    wanted_devices(settings, len(names))
    size = settings.tensor_parallel
    turns = range(0, settings.replicas * size, size)
    return [tuple(names[(first + i) % len(names)] for i in range(size)) if names else () for first in turns]
