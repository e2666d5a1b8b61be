"""Keys and values of what was read and written lately, so that no prompt is computed twice.

A conversation only ever grows, and each of its requests carries all of it: without reuse the engine would read the
same text for every stage of every step. The cache is a tree: a segment holds the tokens that one sequence added,
and hangs from its parent at the token (any token) where the sequence left it. So the longest known prefix of a
prompt is found by walking down from the root, and what sequences share is kept once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch


@dataclass(eq=False)
class _Segment:
    """Tokens and their keys and values, (tokens, width). Hangs at token `at` of its parent."""

    tokens: tuple[int, ...]
    state: torch.Tensor | None = None
    parent: _Segment | None = None
    at: int = 0
    children: dict[tuple[int, int], _Segment] = field(default_factory=dict)
    """Keyed by where they hang and the token they begin with, which is never this segment's own there."""


@dataclass(frozen=True)
class Prefix:
    """The known beginning of a prompt: its length in tokens, and its segments, each with the tokens taken of it."""

    length: int
    parts: Sequence[tuple[_Segment, int]]

    def state(self) -> torch.Tensor:
        """Its keys and values, (length, width)."""
        return torch.cat([segment.state[:count] for segment, count in self.parts if segment.state is not None])


class PrefixCache:
    """At most `limit` bytes of keys and values; the least recently used go first.

    >>> cache = PrefixCache(limit=1000)
    >>> cache.add((5, 6, 7), lambda start, end: torch.zeros(end - start, 4))
    >>> cache.add((5, 6, 8, 9), lambda start, end: torch.ones(end - start, 4))
    >>> cache.find((5, 6, 8, 1)).length, cache.bytes
    (3, 80)
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.bytes = 0
        self._root = _Segment(())
        # Oldest use first. A segment counts as used after those below it, so the first one is a leaf.
        self._used: OrderedDict[_Segment, None] = OrderedDict()

    def find(self, tokens: Sequence[int]) -> Prefix:
        """The longest known prefix of `tokens`, which thereby counts as used now."""
        tokens = tuple(tokens)
        segment, length, parts = self._root, 0, []
        while True:
            count = _common(segment.tokens, tokens, length)
            parts.append((segment, count))
            length += count
            below = segment.children.get((count, tokens[length])) if length < len(tokens) else None
            if below is None:
                break
            segment = below
        for used, _ in reversed(parts[1:]):
            self._used.move_to_end(used)
        return Prefix(length, parts)

    def add(self, tokens: Sequence[int], read: Callable[[int, int], torch.Tensor]) -> None:
        """Keep `tokens`; `read(start, end)` copies the keys and values (end - start, width) of the new ones."""
        if not self.limit:
            return
        prefix = self.find(tokens)
        new = tuple(tokens[prefix.length :])
        if not new:
            return
        parent, at = prefix.parts[-1]
        segment = _Segment(new, read(prefix.length, len(tokens)), parent, at)
        parent.children[at, new[0]] = segment
        self._used[segment] = None
        for used, _ in reversed(prefix.parts[1:]):
            self._used.move_to_end(used)
        self.bytes += _bytes(segment)
        while self.bytes > self.limit:
            self._forget(next(iter(self._used)))

    def clear(self) -> None:
        """Forget everything, as when the weights have changed."""
        while self._used:
            self._forget(next(iter(self._used)))

    def _forget(self, leaf: _Segment) -> None:
        assert leaf.parent is not None
        del self._used[leaf]
        del leaf.parent.children[leaf.at, leaf.tokens[0]]
        self.bytes -= _bytes(leaf)


def _common(segment: tuple[int, ...], tokens: tuple[int, ...], start: int) -> int:
    """How many tokens at the beginning of `segment` match `tokens` from `start` on."""
    there = tokens[start : start + len(segment)]
    if there == segment:
        return len(segment)
    return next((i for i, (a, b) in enumerate(zip(segment, there, strict=False)) if a != b), len(there))


def _bytes(segment: _Segment) -> int:
    return 0 if segment.state is None else int(segment.state.nbytes)
