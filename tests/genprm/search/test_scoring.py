"""A judge behind `score(prompt, solutions)`: it says what `GenPRM.score` says, and judges no step twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from genprm.data_sets.rows import InputError
from genprm.modes import Mode
from genprm.prm import GenPRM
from genprm.search.scoring import SolutionScorer
from genprm.settings import VerifierSettings
from tests.genprm.scripted_engine import ScriptedEngine
from tests.genprm.scripted_judge import EchoSandbox, judge_engine

PROBLEM = "What is 3 + 4 - 2?"
RIGHT = ["Step 1: 3 + 4 = 7", "Step 2: 7 - 2 = 5"]
WRONG = ["Step 1: 3 + 4 = 7", "Step 2: 7 - 2 = 6, wrong"]
YES, NO = 8 / 9, 1 / 9
"""Rewards of a right step and of a wrong one."""


@dataclass
class Judge:
    engine: ScriptedEngine
    prm: GenPRM


@pytest.fixture
def judge() -> Iterator[Judge]:
    engine = judge_engine()
    with GenPRM(engine, EchoSandbox(), VerifierSettings(), Mode.DIRECT) as prm:
        yield Judge(engine, prm)


def test_a_text_has_a_score_and_a_list_has_one_for_each_solution(judge: Judge) -> None:
    scorer = SolutionScorer(judge.prm)
    assert scorer.score(PROBLEM, "\n\n".join(RIGHT)) == pytest.approx(YES)
    assert scorer.score(PROBLEM, ["\n\n".join(RIGHT), WRONG, RIGHT[:1]]) == pytest.approx([YES, NO, YES])
    assert asyncio.run(scorer.ascore(PROBLEM, [WRONG])) == pytest.approx([NO])
    assert min(judge.prm.score(PROBLEM, WRONG).rewards) == pytest.approx(NO)


@pytest.mark.parametrize(("aggregate", "score"), [("last", NO), ("mean", (YES + NO) / 2), ("product", YES * NO)])
def test_scores_are_aggregated_as_asked_for(judge: Judge, aggregate: Any, score: float) -> None:
    assert SolutionScorer(judge.prm, aggregate).score(PROBLEM, [WRONG]) == pytest.approx([score])


def test_a_step_that_solutions_share_is_judged_once(judge: Judge) -> None:
    scorer = SolutionScorer(judge.prm, votes=2)
    scorer.score(PROBLEM, [RIGHT[:1], RIGHT[:1]])
    assert len(judge.engine.requests) == 2, "once for each vote"
    scorer.score(PROBLEM, [RIGHT, WRONG, RIGHT])
    assert len(judge.engine.requests) == 2 * 3


def test_the_problem_is_what_the_user_said_last(judge: Judge) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": PROBLEM},
        {"role": "assistant", "content": "Step 1:"},
    ]
    SolutionScorer(judge.prm).score(messages, [RIGHT])
    assert PROBLEM in judge.engine.requests[0][0]
    assert "Be brief." not in judge.engine.requests[0][0]


@pytest.mark.parametrize(
    ("prompt", "solutions", "message"),
    [
        ([{"role": "system", "content": "a"}], [RIGHT], "prompt has no turn of the user"),
        (PROBLEM, [[]], r"steps is \[\], allowed: a non-empty list"),
        (" ", [RIGHT], "problem is ' ', allowed: a non-empty string"),
    ],
)
def test_what_cannot_be_scored_is_named(judge: Judge, prompt: Any, solutions: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        SolutionScorer(judge.prm).score(prompt, solutions)


class StepsOfTwoKinds:
    """A language model as its_hub asks one: of every two next steps the second is right; the third step ends."""

    def __init__(self) -> None:
        self.written = 0

    async def agenerate(self, conversations: Any, **_: Any) -> list[dict[str, str]]:
        return [self._step(messages) for messages in conversations]

    def _step(self, messages: Any) -> dict[str, str]:
        self.written += 1
        number = 1 + (messages[-1].content.count("Step") if len(messages) > 1 else 0)
        kind = "right" if self.written % 2 == 0 else "wrong"
        return {"role": "assistant", "content": f"Step {number}: {kind}" + (" END" if number == 3 else "")}


async def test_its_hub_searches_with_it(judge: Judge) -> None:
    api = pytest.importorskip("its_hub.core.algorithms.beam_search", reason="its_hub is not installed")
    from its_hub.core.algorithms.particle_gibbs import ParticleFiltering
    from its_hub.core.lms.step_generation import StepGeneration

    scorer = SolutionScorer(judge.prm)
    steps = StepGeneration(5, "\n\n", stop_token="END")
    beam = await api.BeamSearch(steps, scorer, beam_width=2).ainfer(StepsOfTwoKinds(), PROBLEM, budget=8)
    assert beam["content"] == "Step 1: right\n\nStep 2: right\n\nStep 3: right END"
    particles = await ParticleFiltering(steps, scorer).ainfer(
        StepsOfTwoKinds(), PROBLEM, budget=8, return_response_only=False
    )
    assert len(particles.responses) == 8
    assert max(particles.log_weights_lst) == particles.log_weights_lst[particles.selected_index]
