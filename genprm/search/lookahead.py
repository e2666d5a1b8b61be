"""Look-ahead: a beam that ranks a step by where it leads to (Snell et al. 2408.03314, 5.2)."""

from __future__ import annotations

from genprm.event_loops import together
from genprm.search.base import SearchMethod
from genprm.search.beam import kept
from genprm.search.tree import Node, Purse, Tree
from genprm.settings import SearchSettings


async def look_ahead(tree: Tree, purse: Purse, settings: SearchSettings) -> None:
    """A step beam in which each new step is ranked by the solution `lookahead` steps later. The steps ahead are
    then dropped, unless they end the solution. They are sampled like any other step (in the paper at temperature
    0)."""
    frontier, width = [tree.begin(purse)], settings.width
    count = settings.width * settings.children
    while frontier and not purse.empty:
        grown = await tree.grow_each((one, count) for one in frontier)
        ahead = await together([_ahead(tree, node, settings.lookahead) for node in grown])
        chosen = kept(grown, width, dict(zip(grown, ahead, strict=True)))
        width -= sum(node.ended for node in chosen)
        frontier = [node for node in chosen if node.open]
        count = settings.children


async def _ahead(tree: Tree, node: Node, steps: int) -> Node:
    for _ in range(steps):
        if not node.open or node.refuted:
            break
        node = await tree.advance(node)
    return node


LOOKAHEAD = SearchMethod(look_ahead)
"""For a judge that sees a mistake a step late; each step costs `lookahead` further ones."""
