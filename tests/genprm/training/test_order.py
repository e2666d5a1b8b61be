"""Every conversation once an epoch, neighbours of similar length."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from genprm.training.order import EpochOrder, epoch_order


@given(st.lists(st.integers(1, 500), min_size=1, max_size=200), st.integers(1, 9), st.integers(0, 3))
def test_every_conversation_comes_exactly_once(lengths: list[int], batch_size: int, epoch: int) -> None:
    assert sorted(epoch_order(lengths, batch_size, seed=0, epoch=epoch)) == list(range(len(lengths)))


def test_order_depends_on_seed_and_epoch_alone() -> None:
    lengths = list(range(100))
    sampler = EpochOrder(lengths, batch_size=4, seed=7)
    first = list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first
    sampler.set_epoch(0)
    assert list(sampler) == first
    assert list(EpochOrder(lengths, batch_size=4, seed=8)) != first


def test_little_of_a_batch_is_padding() -> None:
    generator = random.Random(0)
    lengths = [generator.randint(100, 500) for _ in range(400)]

    def padded(order: list[int]) -> int:
        return sum(8 * max(lengths[i] for i in order[first : first + 8]) for first in range(0, 400, 8))

    assert padded(epoch_order(lengths, 8, seed=0, epoch=0)) < 1.1 * sum(lengths)
    assert padded(list(range(400))) > 1.3 * sum(lengths)


def test_batches_do_not_come_in_order_of_length() -> None:
    lengths = list(range(64))
    order = epoch_order(lengths, 8, seed=0, epoch=0)
    longest = [max(order[first : first + 8]) for first in range(0, 64, 8)]
    assert longest not in (sorted(longest), sorted(longest, reverse=True))
