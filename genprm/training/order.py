"""The order in which conversations are seen: a function of seed and epoch, the same in a resumed run."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from torch.utils.data import Sampler

_WINDOW = 8
"""Batches whose conversations are sorted by length together: enough that little of a batch is padding."""


def epoch_order(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[int]:
    """Indices of all conversations; consecutive runs of `batch_size` are batches of similar length.

    Conversations are shuffled, sorted by length within windows of a few batches, and the batches shuffled again:
    length depends on where the first error is, so a fixed order by length would be an unwanted curriculum. A last
    batch that is not full stays last.
    """
    generator = random.Random(f"{seed} {epoch}")
    indices = list(range(len(lengths)))
    generator.shuffle(indices)
    window = _WINDOW * batch_size
    for first in range(0, len(indices), window):
        indices[first : first + window] = sorted(indices[first : first + window], key=lambda i: lengths[i])
    full = len(indices) - len(indices) % batch_size
    batches = [indices[first : first + batch_size] for first in range(0, full, batch_size)]
    generator.shuffle(batches)
    return [index for batch in batches for index in batch] + indices[full:]


class EpochOrder(Sampler[int]):  # type: ignore[misc]
    """`epoch_order` as a sampler; the trainer sets the epoch.

    The order is padded to a multiple of `turn` with the index after the last conversation, that of the blank row.

    >>> list(EpochOrder([5, 5, 5], batch_size=1, seed=0, turn=2))[3:]
    [3]
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int, turn: int = 1) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._blanks = -len(lengths) % turn
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that is iterated next."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths) + self._blanks

    def __iter__(self) -> Iterator[int]:
        yield from epoch_order(self._lengths, self._batch_size, self._seed, self._epoch)
        yield from [len(self._lengths)] * self._blanks
