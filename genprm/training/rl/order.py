"""The order in which solutions are judged: a function of seed and epoch, the same in a resumed run."""

from __future__ import annotations

import random
from collections.abc import Iterator

from torch.utils.data import Sampler


class GroupOrder(Sampler[int]):  # type: ignore[misc]
    """Batches of `solutions` different solutions, each one `group` times in a row; a batch comes `times` times.

    The trainer makes verifications of a batch when it first comes, and takes its updates from them until the next.
    Solutions that do not fill a batch are left for another epoch.

    >>> list(GroupOrder(count=3, solutions=2, group=2, times=1, seed=0))
    [0, 0, 2, 2]
    """

    def __init__(self, count: int, solutions: int, group: int, times: int, seed: int) -> None:
        self._count = count
        self._solutions = solutions
        self._group = group
        self._times = times
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that is iterated next."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._count // self._solutions * self._solutions * self._group * self._times

    def __iter__(self) -> Iterator[int]:
        order = list(range(self._count))
        random.Random(f"{self._seed} {self._epoch}").shuffle(order)
        for first in range(0, self._count - self._solutions + 1, self._solutions):
            batch = order[first : first + self._solutions]
            for _ in range(self._times):
                yield from (index for index in batch for _ in range(self._group))
