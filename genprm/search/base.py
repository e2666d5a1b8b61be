"""What a search method is, and how a method is run until its budget is spent."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from genprm.data_sets.rows import InputError, named
from genprm.domains.base import AnswerCheck
from genprm.registry import SEARCHES
from genprm.scaling.best_of_n import answer_groups
from genprm.search.roles import StepJudge, StepPolicy
from genprm.search.tree import Node, Purse, Spending, Tree, best_first
from genprm.settings import Choice, SearchSettings

Round = Callable[[Tree, Purse, SearchSettings], Awaitable[None]]
"""Grows one set of solutions from the beginning until they end or the purse is empty."""


@dataclass(frozen=True, slots=True)
class SearchMethod:
    """A way of searching. It is run again from the beginning, with other samples, while the budget allows.

    `choose` is how the method chooses among the finished solutions of all rounds; None leaves that to the settings.
    A method that is not `judged` needs no judge.
    """

    round: Round
    choose: Choice | None = None
    judged: bool = True


@dataclass(frozen=True, slots=True)
class FoundSolution:
    """A finished solution. `name` and `parent` say where it grew (`Node`); `rewards` end with the first sure No."""

    name: str
    parent: str
    steps: tuple[str, ...]
    rewards: tuple[float, ...]
    answer: str | None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The chosen solution (None where none was finished), all finished ones, and what the search cost."""

    chosen: FoundSolution | None
    candidates: list[FoundSolution]
    spending: Spending
    rounds: int


@dataclass(frozen=True, slots=True)
class Searcher:
    """Who takes part in a search: policy, judge (None for methods without one) and answer check."""

    policy: StepPolicy
    judge: StepJudge | None
    answers: AnswerCheck

    async def search(
        self, problem: str, method: str, budget: int, settings: SearchSettings | None = None, seed: int = 0
    ) -> SearchResult:
        """Search for a solution of `problem` with at most about `budget` tokens of policy and judge.

        A further round begins only if the rest of the budget pays for an average round, so a search may end below
        its budget. A step that was begun is still paid for, so it may also end above. If the budget is spent before
        any solution is finished, the policy finishes the best partial one without the judge.

        Raises:
            InputError: no such method, a budget below 1, or no judge where the method needs one.
            EngineError, SandboxError: as raised by policy and judge.
        """
        chosen_method = known_method(method)
        if chosen_method.judged and self.judge is None:
            raise InputError(f"search {method!r} needs a judge, got none")
        settings = settings or SearchSettings()
        check_budget(budget)
        purse, rounds = Purse(budget), 0
        judge = self.judge if chosen_method.judged else None
        tree = Tree(problem, self.policy, judge, settings, seed)
        while not rounds or purse.limit - purse.spent >= purse.spent / rounds > 0:
            await chosen_method.round(tree, purse, settings)
            purse.spent = tree.spending.total
            rounds += 1
        finished = tree.finished or await tree.finish_best()
        found = [_found(node, self.answers) for node in finished]
        chosen = await choose(finished, found, chosen_method.choose or settings.choose, self.answers)
        return SearchResult(chosen, found, tree.spending, rounds)


async def choose(
    nodes: Sequence[Node], found: Sequence[FoundSolution], how: Choice, answers: AnswerCheck
) -> FoundSolution | None:
    """Choose one of the finished solutions. In a vote, each solution adds its smallest reward to its answer, and in
    a majority it adds 1. The best solution of the answer with the largest sum is taken; of equals the one drawn
    first.
    """
    if not nodes:
        return None
    of = dict(zip(nodes, found, strict=True))
    if how == "best":
        return of[best_first(nodes)[0]]
    members: dict[int, list[Node]] = {}
    for node, group in zip(nodes, await answer_groups([one.answer for one in found], answers), strict=True):
        if group is not None:
            members.setdefault(group, []).append(node)
    if not members:
        return of[best_first(nodes)[0]]

    # Sums are exact, so that the same rewards in another order are the same weight.
    weights = {
        group: len(nodes) if how == "majority" else math.fsum(node.reward for node in nodes)
        for group, nodes in members.items()
    }
    return of[best_first(members[max(weights, key=weights.__getitem__)])[0]]


def known_method(name: str) -> SearchMethod:
    """The method called `name`.

    Raises:
        InputError: there is none.
    """
    return named(SEARCHES, name)


def check_budget(budget: float) -> None:
    """Raise InputError if a budget is not a number of tokens from 1."""
    if not (isinstance(budget, int | float) and math.isfinite(budget) and budget >= 1):
        raise InputError(f"budget is {budget!r}, allowed: a number of tokens from 1, e.g. 20000")


def _found(node: Node, answers: AnswerCheck) -> FoundSolution:
    return FoundSolution(node.name, node.parent or "", node.steps, node.rewards, answers.extract(node.steps[-1]))
