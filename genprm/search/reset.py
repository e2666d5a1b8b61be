"""Reject and resample a step (chunk reset; StepWiser 2508.19229)."""

from __future__ import annotations

from genprm.event_loops import together
from genprm.search.base import SearchMethod
from genprm.search.tree import Node, Purse, Tree, best_first
from genprm.settings import SearchSettings
from genprm.verification.rewards import THRESHOLD


async def reset_steps(tree: Tree, purse: Purse, settings: SearchSettings) -> None:
    """Write `width` solutions side by side, each with an equal share of the budget. A step that the judge says No
    to is sampled again, up to `tries` times in all; then the best of these samples is taken."""
    await together([_write(tree, share, settings.tries) for share in purse.shares(settings.width)])


async def _write(tree: Tree, purse: Purse, tries: int) -> None:
    node: Node | None = tree.begin(purse)
    while node is not None and node.open and not purse.empty:
        node = await _accepted(tree, node, tries)


async def _accepted(tree: Tree, node: Node, tries: int) -> Node | None:
    tried: list[Node] = []
    # What follows a sure No is not judged, so there is nothing to reject.
    for _ in range(1 if node.refuted else tries):
        for child in await tree.grow(node, 1):
            if child.given_up:
                continue
            tried.append(child)
            if child.rewards and child.rewards[-1] >= THRESHOLD:
                return child
    return best_first(tried)[0] if tried else None


RESET = SearchMethod(reset_steps)
"""For a judge that says Yes or No and little in between: only the steps that it rejects cost more."""
