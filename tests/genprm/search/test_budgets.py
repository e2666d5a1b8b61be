"""What a budget pays for, token by token."""

from __future__ import annotations

from pathlib import Path

import pytest

from genprm.journal import Journal
from genprm.modes import Mode
from genprm.records import Problem
from genprm.registry import SEARCHES
from genprm.search.base import Searcher
from genprm.search.budgets import Budget, SearchedProblem, search_problem
from genprm.search.roles import GenerativeJudge, JournaledPolicy, StepJournal
from genprm.settings import GuidedSearchSettings, SearchSettings, SolutionSettings, VerifierSettings
from genprm.verification.verifier import Verifier
from tests.genprm.scripted_judge import EchoSandbox, judge_engine
from tests.genprm.search.scripted_steps import Script, follow
from tests.genprm.search.toy_process import Answers, Process, ToyJudge, ToyPolicy, searcher

PROCESS = Process(0.5, (0.2, 0.3, 1.0))
SETTINGS = SearchSettings(width=2, children=2, tries=2, simulations=5)


@pytest.mark.parametrize(("budget", "rounds"), [(1, 1), (29, 1), (30, 2), (44, 2), (45, 3)])
async def test_a_round_begins_where_an_average_one_is_paid_for(budget: int, rounds: int) -> None:
    """A step is written for 10 and judged for 5."""
    script = Script({"": "a=.7! b=.9! c=.8!"}, tokens=10, judging=5)
    chosen, finished, result = await follow("beam", script, budget, width=1, children=1)
    assert finished == list("abc")[:rounds]
    assert chosen == ("a" if rounds == 1 else "b")
    assert (result.rounds, result.spending.total) == (rounds, 15 * rounds)


@pytest.mark.parametrize(("budget", "rounds", "solutions"), [(30, 2, 3), (119, 3, 9), (120, 4, 12)])
async def test_solutions_are_sampled_as_many_at_once_as_are_paid_for(
    budget: int, rounds: int, solutions: int
) -> None:
    """One, to see what it costs; then four, as wide as it gets; then four. Three rounds of 30 on average leave less
    than another one of 119."""
    script = Script({"": " ".join(f"{letter}!" for letter in "abcdefghijkl")}, tokens=10)
    _, finished, result = await follow("majority", script, budget, width=4)
    assert finished == list("abcdefghijkl")[:solutions]
    assert (result.rounds, result.spending.total) == (rounds, 10 * solutions)


async def test_a_solution_that_was_begun_is_finished_and_paid_for() -> None:
    script = Script({"": "a=.9 b=.8", "a": "c=.9", "ac": "d=.9!"}, tokens=10, judging=5)
    chosen, finished, result = await follow("best-of-n", script, 20)
    assert (chosen, finished, result.spending.total) == ("acd", ["acd"], 45)


async def test_each_tree_has_its_share_and_no_more() -> None:
    """Two shares of 50, and 30 for two steps. The first tree ends and leaves 20, on which the other one does not go
    on; and what is left of all does not pay for another round."""
    script = Script({"": "a=.9! b=.5 c=.9 d=.8", "c": "e=.9 f=.8", "ce": "g=.9 h=.8"}, tokens=10, judging=5)
    chosen, _, result = await follow("dvts", script, 100, width=2, children=2)
    assert script.asked == [("", 2), ("", 2), ("c", 2)]
    assert (chosen, result.rounds, result.spending.total) == ("a", 1, 90)


async def test_the_next_round_shares_out_what_is_left() -> None:
    """Of 200, 60 are spent in the first round; so each tree of the second has 70, and takes three steps of two."""
    steps = {"": "a=.9! b=.5 c=.9! d=.8 e=.9 f=.5 g=.9! h=.5", "e": "i=.9 j=.5", "ei": "k=.9 l=.5", "eik": "m=.9"}
    script = Script(steps, tokens=10, judging=5)
    _, finished, result = await follow("dvts", script, 200, width=2, children=2)
    assert script.asked == [("", 2)] * 4 + [("e", 2), ("ei", 2)]
    assert finished == ["a", "c", "g"]
    assert (result.rounds, result.spending.total) == (2, 180)


async def test_nothing_begins_when_all_is_spent_but_the_end_of_one_solution() -> None:
    """Two steps of 30 use up 60. Then the policy alone writes the longest and best one to its end, for 20."""
    script = Script({"": "a=.9 b=.8", "a": "c=.7 d=.6", "ac": "e", "ace": "f!42"}, tokens=10, judging=5)
    chosen, finished, result = await follow("beam", script, 60, width=1, children=2)
    assert script.asked == [("", 2), ("a", 2), ("ac", 1), ("ace", 1)]
    assert script.judged == ["a", "b", "ac", "ad"]
    assert (chosen, finished, result.spending.total) == ("acef", ["acef"], 80)
    assert len(result.candidates[0].rewards) == 2


async def test_a_solution_that_nobody_began_is_written_where_none_can_go_on() -> None:
    script = Script({"": "a~ b~ c", "c": "d!"}, tokens=10, judging=5)
    _, finished, result = await follow("beam", script, 10, width=1, children=2)
    assert finished == ["cd"]
    assert result.candidates[0].name == "1.0.0"
    assert result.spending.truncated_steps == 2


@pytest.mark.parametrize("budget", [1, 100, 600])
@pytest.mark.parametrize("method", SEARCHES.names())
async def test_all_that_policy_and_judge_give_is_spent(method: str, budget: int) -> None:
    for seed in range(5):
        policy, judge = ToyPolicy(PROCESS), ToyJudge("random")
        spending = (await searcher(policy, judge).search("p", method, budget, SETTINGS, seed)).spending
        steps = [step for request in policy.drawn.values() for step in request]
        assert spending.steps == len(steps)
        assert spending.policy_tokens == sum(step.tokens for step in steps)
        assert spending.judged_steps == len(judge.judged)
        assert (spending.judge_tokens, spending.judge_prompt_tokens) == (
            3 * len(judge.judged),
            2 * len(judge.judged),
        )


@pytest.mark.parametrize("method", SEARCHES.names())
async def test_a_larger_budget_finds_what_a_smaller_one_found(method: str) -> None:
    """Of all rounds, but not the solution that is written to its end alone."""
    for seed in range(5):
        smaller, larger = [
            await searcher(ToyPolicy(PROCESS), ToyJudge("random")).search("p", method, budget, SETTINGS, seed)
            for budget in (300, 600)
        ]
        assert {found.name: found for found in larger.candidates}.items() >= {
            found.name: found for found in smaller.candidates
        }.items()
        assert smaller.spending.total <= larger.spending.total


class Asked(ToyPolicy):
    """Counts requests."""

    requests = 0

    async def next_step(self, problem, steps, n, seed):  # type: ignore[no-untyped-def]
        self.requests += 1
        return await super().next_step(problem, steps, n, seed)


async def searched(method: str, factor: int, policy: ToyPolicy, journal: Journal) -> SearchedProblem:
    steps = StepJournal(journal)
    verifier = Verifier(judge_engine(), EchoSandbox(), VerifierSettings())
    whole = Searcher(
        JournaledPolicy(policy, SolutionSettings(), steps),
        GenerativeJudge(verifier, Mode.DIRECT, 2, steps),
        Answers(),
    )
    problem, budget = Problem("p", "p", "42", "test"), Budget(factor, 60 * factor)
    return await search_problem(whole, problem, method, budget, GuidedSearchSettings(how=SETTINGS))


async def test_no_method_gets_for_nothing_what_another_one_paid_for(tmp_path: Path) -> None:
    """A search spends the same whatever is in its journal: steps of others and other budgets, or all of its own."""
    with Journal(tmp_path / "shared.jsonl") as shared:
        for method in SEARCHES.names():
            for factor in (1, 8):
                with Journal(tmp_path / f"{method}-{factor}.jsonl") as own:
                    alone = await searched(method, factor, Asked(PROCESS), own)
                assert await searched(method, factor, Asked(PROCESS), shared) == alone
                again = Asked(PROCESS)
                assert await searched(method, factor, again, shared) == alone
                assert again.requests == 0
