"""One model over several processes, a device each: every process holds its share of every parameter (FSDP2).

Blocks of the network are gathered when they compute and freed again; gradients are summed over the processes, so
that an update sees the whole batch. What is held between updates (weights, gradients, moments of AdamW) is float32.
"""

from __future__ import annotations

import math
import os
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor

from genprm.settings import TrainingSettings

_PATIENCE = timedelta(hours=1)
"""How long a process waits for the others; a dead one ends them all much sooner (`genprm.training.processes`)."""


def join(processes: int) -> None:
    """Take this process's place among those that train together: over NCCL on GPUs, over gloo on a CPU.

    Raises:
        RuntimeError: the processes were not started together, or there are fewer GPUs than processes.
    """
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != processes:
        raise RuntimeError(f"training.processes is {processes}, but {started} were started together")
    if processes == 1:
        return
    if torch.cuda.is_available():
        devices, here = torch.cuda.device_count(), int(os.environ["LOCAL_WORLD_SIZE"])
        if devices < here:
            raise RuntimeError(
                f"training.processes is {processes}, of which {here} are here, allowed: at most the {devices} GPUs "
                "to be seen"
            )
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, timeout=_PATIENCE)


def sharded(model: Any, settings: TrainingSettings) -> Any:
    """The model with its parameters spread over all processes, block by block.

    With `settings.precision` bf16 blocks are gathered in bfloat16, in which autocast computes with them;
    activations between blocks stay float32 as in one process, and gradients are summed in float32.

    Raises:
        RuntimeError: this process holds more than its share.
    """
    network = model.get_base_model() if hasattr(model, "get_base_model") else model
    mesh = init_device_mesh("cuda" if torch.cuda.is_available() else "cpu", (dist.get_world_size(),))
    dtype = torch.bfloat16 if settings.precision == "bf16" else None
    policy = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32, cast_forward_inputs=False)
    # What is outside of blocks stays with the root: TRL's loss reads the head's weight without calling the head.
    for block in _blocks(network):
        fully_shard(block, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh)
    # Tells transformers' trainer that devices and gradients are taken care of: else it would wrap the model in DDP.
    network._is_distributed_loading_by_transformers = True
    held, whole = share_of(model)
    print(f"training on {mesh.size()} processes (FSDP2): {held} of {whole} parameters each", flush=True)
    return model


def _blocks(network: Any) -> list[Any]:
    """The stacked layers of a network, by the names of classes that transformers keeps together on one device."""
    kinds = set(network._no_split_modules or ())
    return [module for module in network.modules() if type(module).__name__ in kinds]


def share_of(model: Any) -> tuple[int, int]:
    """How many numbers of a model this process holds, and how many there are.

    Raises:
        RuntimeError: that is more than its share of every parameter, rounded up to a row.
    """
    processes = dist.get_world_size()
    held = whole = allowed = 0
    for parameter in model.parameters():
        local = parameter.to_local() if isinstance(parameter, DTensor) else parameter
        held += local.numel()
        whole += parameter.numel()
        rows = parameter.shape[0] if parameter.dim() else 1
        allowed += math.ceil(rows / processes) * (parameter.numel() // rows)
    if held > allowed:
        raise RuntimeError(
            f"the model is not sharded: process {dist.get_rank()} holds {held} of {whole} parameters, "
            f"allowed with training.processes = {processes}: {allowed}"
        )
    return held, whole


def gathered(model: Any) -> dict[str, torch.Tensor]:
    """All weights by their names, in the memory of the first process; nothing in that of the others."""
    return dict(get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True)))


def is_first() -> bool:
    """Whether this process is the one that prints and writes for all."""
    return not dist.is_initialized() or dist.get_rank() == 0
