"""DVTS: independent subtrees, each a beam of width one (Beeching et al. 2024, search-and-learn)."""

from __future__ import annotations

from genprm.event_loops import together
from genprm.search.base import SearchMethod
from genprm.search.beam import kept
from genprm.search.tree import Purse, Tree
from genprm.settings import SearchSettings


async def diverse_trees(tree: Tree, purse: Purse, settings: SearchSettings) -> None:
    """`width` subtrees with an equal share of the budget each; none waits for another."""
    await together([_descend(tree, share, settings.children) for share in purse.shares(settings.width)])


async def _descend(tree: Tree, purse: Purse, children: int) -> None:
    chosen = [tree.begin(purse)]
    while chosen and chosen[0].open and not purse.empty:
        chosen = kept(await tree.grow(chosen[0], children), 1)


DVTS = SearchMethod(diverse_trees)
"""For larger budgets, where a beam ends in variations of one solution."""
