"""Accelerators: as a user writes them (`8xH100-80GB`), and those that this machine has."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from genprm.data_sets.rows import InputError

_FORM = re.compile(r"(?:(?P<nodes>\d+)x)?(?:(?P<devices>\d+)x)?(?:(?P<name>[A-Za-z]\w*)-)?(?P<gib>\d+)GB")
RESERVED_GIB = 1.0
"""What driver and libraries take of each device before any work."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Peak of one device: bytes read from memory a second, and bf16 operations a second on dense matrices."""

    bytes_per_second: float
    flops: float


_SPEEDS = {
    ("H100", 80): Speed(3.35e12, 989e12),
    ("H200", 141): Speed(4.8e12, 989e12),
    ("B200", 192): Speed(8.0e12, 2250e12),
    ("A100", 40): Speed(1.555e12, 312e12),
    ("A100", 80): Speed(2.039e12, 312e12),
    ("A6000", 48): Speed(0.768e12, 155e12),
    ("L40S", 48): Speed(0.864e12, 362e12),
    ("L4", 24): Speed(0.3e12, 121e12),
    ("A10", 24): Speed(0.6e12, 125e12),
    ("RTX3090", 24): Speed(0.936e12, 71e12),
    ("RTX4090", 24): Speed(1.008e12, 165e12),
    ("RTX5090", 32): Speed(1.792e12, 210e12),
}
"""By name and memory, from the makers' data sheets; of those sold in several forms, the one with SXM sockets."""
_UNNAMED = _SPEEDS["A100", 80]
"""Speed of devices of which only the memory is known."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """`nodes` machines with `devices` accelerators of `gib` GiB each."""

    nodes: int
    devices: int
    gib: float
    name: str | None = None

    @property
    def count(self) -> int:
        """Accelerators of all machines."""
        return self.nodes * self.devices

    @property
    def usable_gib(self) -> float:
        """What one device has for work."""
        return self.gib - RESERVED_GIB

    @property
    def speed(self) -> Speed:
        """The peak of one device; that of an A100 where only the memory is known."""
        return _UNNAMED if self.name is None else _SPEEDS[self.name, round(self.gib)]

    def __str__(self) -> str:
        nodes = f"{self.nodes}x" if self.nodes > 1 else ""
        name = f"{self.name}-" if self.name else ""
        return f"{nodes}{self.devices}x{name}{self.gib:g}GB"


def parse_hardware(text: str) -> Hardware:
    """Nodes, devices a node, their name and their memory; nodes, devices and name may be left out.

    Memory is counted as its makers do: a card of 80GB has 80 GiB.

    Raises:
        InputError: the text has another form, or names a device that is not known.

    >>> parse_hardware("8xH100-80GB")
    Hardware(nodes=1, devices=8, gib=80.0, name='H100')
    >>> str(parse_hardware("2x8xA100-40GB")), parse_hardware("24GB").count
    ('2x8xA100-40GB', 1)
    """
    found = _FORM.fullmatch(text.strip())
    counts = [] if found is None else [int(found[part]) for part in ("nodes", "devices") if found[part]]
    if found is None or 0 in counts or int(found["gib"]) <= RESERVED_GIB:
        raise InputError(
            f"hardware is {text!r}, allowed: such as 80GB, 8xH100-80GB, or 2x8xH100-80GB for two nodes of eight"
        )
    name, gib = found["name"], int(found["gib"])
    if name is not None and (name, gib) not in _SPEEDS:
        known = ", ".join(f"{one}-{size}GB" for one, size in _SPEEDS)
        raise InputError(f"hardware is {text!r}: no {name}-{gib}GB is known, allowed: {known}, or {gib}GB unnamed")
    return Hardware(counts[0] if len(counts) == 2 else 1, counts[-1] if counts else 1, float(gib), name)


def larger(hardware: Hardware) -> list[Hardware]:
    """The same number of devices of each known kind that has more memory, the smallest first."""
    kinds = sorted((gib, name) for name, gib in _SPEEDS if gib > hardware.gib)
    return [replace(hardware, gib=float(gib), name=name) for gib, name in kinds]


@dataclass(frozen=True, slots=True)
class Device:
    """The memory of a GPU of this machine, or of the machine itself, in bytes."""

    name: str
    total: int
    free: int
    is_gpu: bool = True


def devices_here() -> list[Device]:
    """The GPUs that this process may use, in their order; none on a machine without CUDA."""
    import torch

    if not torch.cuda.is_available():
        return []
    found = []
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        found.append(Device(torch.cuda.get_device_name(index), total, free))
    return found


def this_machine() -> Device:
    """The memory of the machine itself, where a CPU does the work."""
    import psutil

    memory = psutil.virtual_memory()
    return Device("this machine", memory.total, memory.available, is_gpu=False)
