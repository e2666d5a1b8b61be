"""What one problem costs: the profile's own rules on assumed problems, and a pilot that counts what is asked."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genprm.data_sets.rows import InputError
from genprm.engines.base import Completion, Sampling
from genprm.planning import pilot
from genprm.planning.assumptions import Assumptions, read_assumptions
from genprm.planning.costs import simulated_cost
from genprm.planning.measured import Pilot
from genprm.planning.pilot import CountingEngine, plan_from_pilot, run_pilot, spread
from genprm.planning.planned import Planned
from genprm.planning.saved import SavedPlan, read_plan, save_plan
from genprm.records import Message, Problem, Provenance
from genprm.settings import EngineSettings, EvaluationSettings, Profile, ScalingSettings
from tests.genprm.scripted_engine import ScriptedEngine


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
        # two right solutions of two steps; of the wrong ones the first or the second step is
        assert 6 <= cost.judged.completions == cost.executions <= 8
        assert cost.judged.tokens == cost.judged.completions * 345
        assert cost.judged.prefix_tokens == 4 * 100 + cost.judged.completions * 60
        # half of the solutions of each kind agree, whatever their length
        assert [kept.solutions for kept in cost.agreed] == [2 * 0.49, 2 * 0.49]
        assert cost.agreed[1].steps == 4 * 0.49
        assert sum(kept.steps for kept in cost.agreed) == pytest.approx(0.49 * cost.judged.completions)


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


def judge() -> ScriptedEngine:
    """Analyses every step in the same words and finds the ones that box 0 wrong."""

    def reply(prompt: str) -> str:
        return "Yes" if prompt.endswith("boxed{") else "It is so.\n</analyze>\n"

    def verdict(prompt: str) -> dict[str, float]:
        right = "boxed{0}" not in prompt.rpartition("<|user|>")[2]
        return {"Yes": math.log(0.9 if right else 0.1), "No": math.log(0.1 if right else 0.9)}

    return ScriptedEngine(reply, verdict)


async def test_requests_are_counted_and_the_longest_prompt_is_read_once() -> None:
    engine = CountingEngine(EvenPolicy())
    await engine.complete("abc", Sampling(max_tokens=9), 4)
    await engine.complete("abcde", Sampling(max_tokens=9), 2)
    spent = engine.spent
    assert (spent.completions, spent.tokens) == (6, 60)
    assert (spent.prompt_tokens, spent.prefix_tokens) == (4 * 3 + 2 * 5, 5)


PROFILE = Profile(
    name="p",
    solutions={"model": "m", "batch": 4},
    monte_carlo={"model": "m"},
    rationales={"model": "j", "mode": "cot"},
)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Pilot:
    """A pilot on one problem: four solutions of two steps, two of them right."""
    monkeypatch.setattr(pilot, "open_engine", lambda model, settings: judge() if model == "j" else EvenPolicy())
    return asyncio.run(run_pilot(PROFILE, [Problem("p", "q", "1", "test")]))


def test_a_pilot_measures_both_estimators_on_the_same_rollouts(done: Pilot) -> None:
    (cost,) = done.costs()
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


def test_a_pilot_judges_and_filters_as_the_run_will(done: Pilot) -> None:
    (cost,) = done.costs()
    assert [row.judged_first_error for row in done.rationales] == [1, -1, 1, -1]
    tokens = [sum(step.tokens for step in row.verification.steps) for row in done.rationales]
    assert (cost.judged.completions, cost.judged.tokens, cost.executions) == (8, sum(tokens), 0)
    assert cost.judged.prefix_tokens == sum(row.verification.prompt_tokens for row in done.rationales)
    # an exact half of the rollouts after the first step arrives whatever the solution: no label says it is wrong
    assert [labelled.scores.mc for labelled in done.labelled] == [[0.5, 0.0], [0.5, 1.0]] * 2
    assert cost.agreed == ((2, 4), (2, 4))
    assert done.assumptions()["judged_step_tokens"] == sum(tokens) / 8
    assert done.assumptions()["further_steps"] == 0


def test_what_a_critic_finds_wrong_is_taken_from_a_pilot_of_the_same_policy(done: Pilot) -> None:
    assert "found_wrong" not in done.assumptions()
    same = PROFILE.model_copy(update={"scaling": ScalingSettings(model="m")})
    assert replace(done, profile=same).assumptions()["found_wrong"] == 0.5


def test_a_plan_from_a_pilot_takes_what_was_measured_except_what_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pilot, "open_engine", lambda model, settings: judge() if model == "j" else EvenPolicy())
    assumed = Assumptions(judged_step_tokens=1000, step_tokens=7)
    made, found = plan_from_pilot(PROFILE, [Problem("p", "q", "1", "test")], assumed, {"step_tokens"})
    assert made.source == "from a pilot on 1 problems"
    assert (found.step_tokens, found.agree) == (7, assumed.agree)
    assert found.judged_step_tokens < 20
    assert found.generated_per_second > 0


def test_a_plan_is_found_again_for_the_same_settings_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENPRM_HOME", str(tmp_path))
    made = SavedPlan(source="from a dream", rows=[Planned("solutions", 1, 2, 3, 4, 5, 6, 7, 8, 9)])
    save_plan(PROFILE, made)
    assert read_plan(PROFILE) == made
    assert read_plan(PROFILE.model_copy(update={"engine": EngineSettings(max_batch=3)})) == made
    assert read_plan(PROFILE.model_copy(update={"evaluation": EvaluationSettings(votes=3)})) is None


def test_a_pilot_takes_the_same_problems_each_time_whatever_their_order() -> None:
    problems = [Problem(f"p{n}", "", "", "") for n in range(50)]
    assert spread(problems, 5) == spread(problems[::-1], 5)
    assert spread(problems, 5) != problems[:5]
