"""Step beam: of all next steps keep the best few (Snell et al. 2408.03314, 5.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from genprm.search.base import SearchMethod
from genprm.search.tree import Node, Purse, Tree
from genprm.settings import SearchSettings


def kept(nodes: Sequence[Node], width: int, leads_to: Mapping[Node, Node] | None = None) -> list[Node]:
    """The best `width` of the nodes that are not given up; of equals the one drawn first. Each node is ranked by
    the node that it `leads_to`, by default itself. A refuted node is kept only if all are refuted."""
    alive = [node for node in nodes if not node.given_up]
    sound = [node for node in alive if not node.refuted] or alive
    return sorted(sound, key=lambda node: (leads_to or {}).get(node, node).rank, reverse=True)[:width]


async def step_beam(tree: Tree, purse: Purse, settings: SearchSettings) -> None:
    """Keep `width` partial solutions, and sample `children` next steps for each. A kept solution that has ended
    gives up its place, so the beam narrows until all have ended."""
    grown = await tree.grow(tree.begin(purse), settings.width * settings.children)
    width = settings.width
    while chosen := kept(grown, width):
        width -= sum(node.ended for node in chosen)
        going_on = [node for node in chosen if node.open]
        if not going_on or purse.empty:
            return
        grown = await tree.grow_each((node, settings.children) for node in going_on)


BEAM = SearchMethod(step_beam)
"""For hard problems and a judge that is right about single steps."""
