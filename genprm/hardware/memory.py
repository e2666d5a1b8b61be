"""Bytes of memory by what they are for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

GIB = 2**30
FLOAT, HALF = 4, 2
"""Bytes of a number in float32 and in bfloat16."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of one device at the worst moment of its work, by what they are for."""

    parts: Mapping[str, float]

    @property
    def bytes(self) -> float:
        """All of it."""
        return sum(self.parts.values())

    @property
    def gib(self) -> float:
        """All of it, in GiB."""
        return self.bytes / GIB

    def __add__(self, other: Memory) -> Memory:
        """Both at the same time, on the same device."""
        names = dict.fromkeys([*self.parts, *other.parts])
        return Memory({name: self.parts.get(name, 0) + other.parts.get(name, 0) for name in names})

    def __str__(self) -> str:
        return ", ".join(f"{name} {size / GIB:.1f}" for name, size in self.parts.items() if size >= 0.05 * GIB)
