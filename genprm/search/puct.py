"""PUCT: a tree that is searched from its root again and again (AlphaZero; OpenR 2410.09671)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from genprm.search.base import SearchMethod
from genprm.search.tree import Node, Purse, Tree
from genprm.settings import SearchSettings


@dataclass(slots=True)
class _Place:
    node: Node
    children: list[_Place] = field(default_factory=list)
    visits: int = 0
    total: float = 0.0

    def value(self, exploration: float, parent_visits: int, prior: float) -> float:
        mean = self.total / self.visits if self.visits else _worth(self.node)
        return mean + exploration * prior * math.sqrt(parent_visits) / (1 + self.visits)


async def search_tree(tree: Tree, purse: Purse, settings: SearchSettings) -> None:
    """Descend to a leaf by mean reward (of paths) and rarity, with equal priors, grow `children` steps there, and
    pass the best of their rewards up to all nodes above. Solutions that have ended or are given up are leaves for
    good, and those that are given up are worth nothing.

    OpenR uses the probabilities of steps as priors. In each descent it goes on to the end of a solution, and passes
    up the reward of that end. Here a descent costs one request, and steps sampled from the policy are equally
    likely a priori.
    """
    root = _Place(tree.begin(purse))
    for _ in range(settings.simulations):
        if purse.empty:
            return
        trail = _descend(root, settings.exploration)
        leaf = trail[-1]
        if leaf.node.open:
            leaf.children = [_Place(node) for node in await tree.grow(leaf.node, settings.children)]
        value = max((_worth(child.node) for child in leaf.children), default=_worth(leaf.node))
        for place in trail:
            place.visits += 1
            place.total += value


def _descend(root: _Place, exploration: float) -> list[_Place]:
    trail = [root]
    while children := trail[-1].children:
        visits, prior = trail[-1].visits, 1 / len(children)
        trail.append(max(children, key=lambda child: child.value(exploration, visits, prior)))
    return trail


def _worth(node: Node) -> float:
    return 0.0 if node.given_up else node.reward


PUCT = SearchMethod(search_tree)
"""For a judge that changes its mind late: the search returns to steps that it left."""
