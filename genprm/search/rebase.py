"""REBASE: the samples of each depth are shared out by the softmax of rewards (Wu et al. 2408.00724)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from genprm.search.base import SearchMethod
from genprm.search.tree import Purse, Tree
from genprm.settings import SearchSettings


def allocate(rewards: Sequence[float], samples: int, balance: float) -> list[int]:
    """Share out `samples` by softmax(reward / balance), in whole numbers with that sum, by largest remainder (the
    paper rounds each share).

    Of equal remainders the first gets one more.

    >>> allocate([0.9, 0.9, 0.1], 5, 0.2)
    [3, 2, 0]
    """
    weights = [math.exp((reward - max(rewards)) / balance) for reward in rewards]
    exact = [samples * weight / sum(weights) for weight in weights]
    counts = [math.floor(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda index: counts[index] - exact[index])
    for index in by_remainder[: samples - sum(counts)]:
        counts[index] += 1
    return counts


async def reward_balanced(tree: Tree, purse: Purse, settings: SearchSettings) -> None:
    """Draw `width` x `children` samples per depth, one fewer for each solution that has ended. Rewards are compared
    as means over paths, as in the paper: with a judge that saturates, the samples are shared out evenly.

    The reward of a partial solution is the smallest of its steps (in the paper that of its last step). The samples
    of solutions that are given up go to the others (in the paper's code they lapse).
    """
    samples = settings.width * settings.children
    grown = await tree.grow(tree.begin(purse), samples)
    while not purse.empty:
        samples -= sum(node.ended for node in grown)
        going_on = [node for node in grown if node.open]
        if samples < 1 or not going_on:
            return
        counts = allocate([node.reward for node in going_on], samples, settings.balance)
        shared = zip(going_on, counts, strict=True)
        grown = await tree.grow_each((node, count) for node, count in shared if count)


REBASE = SearchMethod(reward_balanced, "vote")
"""For a weighted vote over many solutions at less cost than independent samples."""
