"""What one problem costs: the profile's own rules on assumed problems, and a pilot that counts what is asked."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from genprm.engines.base import Completion, Sampling
from genprm.fields import InputError
from genprm.planning import pilot
from genprm.planning.assumptions import Assumptions, read_assumptions
from genprm.planning.costs import simulated_cost
from genprm.planning.pilot import CountingEngine, measured_costs, spread
from genprm.records import Message, Problem, Provenance
from genprm.settings import Profile


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_problem_that_is_always_solved_costs_all_samples_and_nothing_else() -> None:
    cost = simulated_cost(Profile(name="p"), Assumptions(easy=1e6, hard=1e-6, invalid=0), rng())
    assert cost.sampled.completions == 2048
    assert cost.sampled.prefix_tokens == 100
    assert (cost.solutions, cost.rollouts["fixed"].completions) == (0, 0)


def test_an_even_problem_costs_a_batch_and_k_rollouts_a_step() -> None:
    assumed = Assumptions(easy=1e6, hard=1e6, invalid=0, further_steps=0, strength=9, recovery=0)
    costs = [simulated_cost(Profile(name="p"), assumed, generator) for generator in [rng()] * 40]
    kept = [cost for cost in costs if cost.solutions == 4]
    assert kept
    for cost in kept:
        # two steps each: K = 64 after the first, none after the second
        assert cost.sampled.completions == 16
        assert cost.sampled.tokens == 16 * 2 * 60
        assert cost.steps == 8
        assert cost.rollouts["fixed"].completions == 4 * 64
        assert cost.rollouts["fixed"].tokens == 4 * 64 * 60
        assert cost.rollouts["fixed"].prompt_tokens == 4 * 64 * 160
        assert cost.rollouts["fixed"].prefix_tokens == 4 * 160
        assert cost.rollouts["sequential"].completions < 4 * 64 / 2


def test_an_assumption_can_be_given_another_value() -> None:
    assert read_assumptions(["step_tokens=30", "agree=0.5"]) == Assumptions(step_tokens=30, agree=0.5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("steps=3", "--assume 'steps=3', allowed: NAME=VALUE with one of problems, problem_tokens"),
        ("agree", "--assume 'agree', allowed: NAME=VALUE"),
        ("agree=2", "--assume agree: Input should be less than or equal to 1, got 2"),
    ],
)
def test_a_wrong_assumption_is_refused(given: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        read_assumptions([given])
    assert str(error.value).startswith(message)


class EvenPolicy:
    """Right in every second sample; a completion has 10 tokens, a prompt one per character."""

    model = "policy"
    provenance = Provenance("policy", "scripted", "raw")

    def __init__(self) -> None:
        self.turn = itertools.count()

    def render(self, messages: Sequence[Message], prefill: str | None = None) -> str:
        return str(prefill)

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        texts = [f" a {turn}\n\nStep 2: \\boxed{{{turn % 2}}}" for turn in itertools.islice(self.turn, n)]
        return [Completion(text, 10, "stop", prompt_tokens=len(prompt)) for text in texts]

    async def close(self) -> None: ...


async def test_requests_are_counted_and_the_longest_prompt_is_read_once() -> None:
    engine = CountingEngine(EvenPolicy())
    await engine.complete("abc", Sampling(max_tokens=9), 4)
    await engine.complete("abcde", Sampling(max_tokens=9), 2)
    spent = engine.spent
    assert (spent.completions, spent.tokens) == (6, 60)
    assert (spent.prompt_tokens, spent.prefix_tokens) == (4 * 3 + 2 * 5, 5)


def test_a_pilot_measures_both_estimators_on_the_same_rollouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pilot, "open_engine", lambda model, settings: EvenPolicy())
    profile = Profile(name="p", solutions={"model": "m", "batch": 4}, monte_carlo={"model": "m"})
    (cost,), speed = measured_costs(profile, [Problem("p", "q", "1", "test")])
    assert cost.sampled.completions == 4
    assert (cost.solutions, cost.steps) == (4, 8)
    fixed, sequential = cost.rollouts["fixed"], cost.rollouts["sequential"]
    assert fixed.completions == 4 * 64
    assert fixed.tokens == 10 * fixed.completions
    assert sequential.completions < fixed.completions
    assert sequential.tokens == 10 * sequential.completions
    assert sequential.prompt_tokens == pytest.approx(
        fixed.prompt_tokens * sequential.completions / fixed.completions, rel=0.02
    )
    assert speed > 0


def test_a_pilot_takes_the_same_problems_each_time_whatever_their_order() -> None:
    problems = [Problem(f"p{n}", "", "", "") for n in range(50)]
    assert spread(problems, 5) == spread(problems[::-1], 5)
    assert spread(problems, 5) != problems[:5]
