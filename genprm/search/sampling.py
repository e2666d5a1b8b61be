"""Whole solutions, independent of each other: best-of-N, majority and weighted vote on the budget of a search."""

from __future__ import annotations

from genprm.event_loops import together
from genprm.search.base import SearchMethod
from genprm.search.tree import Node, Purse, Tree
from genprm.settings import SearchSettings


async def sample_solutions(tree: Tree, purse: Purse, settings: SearchSettings) -> None:
    """Sample one solution at first, then as many at once as the budget pays for at the average cost so far, up to
    `width`.

    Each is written to its end, even after a sure No; only the judge stops there (paper 5.3).
    """
    known = tree.beginnings
    count = 1
    if known:
        affordable = (purse.limit - purse.spent) / (purse.spent / known)
        count = max(1, min(settings.width, int(affordable)))
    # Each has its own purse without a limit: a solution that was begun is finished and paid for.
    await together([_finish(tree, tree.begin(Purse(float("inf")))) for _ in range(count)])


async def _finish(tree: Tree, node: Node) -> None:
    while node.open:
        node = await tree.advance(node)


BEST_OF_N = SearchMethod(sample_solutions, "best")
"""The solution with the highest rank (paper 5.3, min)."""
VOTE = SearchMethod(sample_solutions, "vote")
"""The answer with the most reward (weighted vote; Uesato et al. 2211.14275)."""
MAJORITY = SearchMethod(sample_solutions, "majority", judged=False)
"""The most frequent answer, without a judge (self-consistency; Wang et al. 2203.11171)."""
