"""Rationales of the policy's solutions."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from genprm.data_sets.rows import InputError
from genprm.engines.base import EngineError
from genprm.modes import Mode
from genprm.rationales import ONE_PATH, FormatTrial, is_readable, judge_solution
from genprm.records import Rationale, Solution
from genprm.reward_models.genprm import GenPRMRewardModel
from genprm.settings import RationaleSettings, VerifierSettings
from genprm.verification.verifier import Verifier
from tests.genprm.scripted_engine import ScriptedEngine

SOLUTION = Solution(
    id="p1-s0",
    problem_id="p1",
    problem="What is 3 + 4 - 2?",
    answer="5",
    steps=["Step 1: 3 + 4 = 7", "Step 2: 7 - 2 = 6", "Step 3: The answer is \\boxed{6}."],
    final_answer="6",
    correct=False,
    pass_at_1=0.5,
)


def judge_of(*yes: float) -> ScriptedEngine:
    """A model whose P(Yes) for step t is `yes[t]`."""

    def logprobs(prompt: str) -> Mapping[str, float]:
        p = yes[prompt.count("<|user|>") - 1]
        return {"Yes": math.log(p), "No": math.log(1 - p)}

    return ScriptedEngine(
        lambda prompt: "Yes" if prompt.endswith("boxed{") else "Let me see.\n</analyze>\n", logprobs
    )


def writer(engine: ScriptedEngine) -> GenPRMRewardModel:
    """A model that writes rationales."""
    return GenPRMRewardModel(Verifier(engine, None, VerifierSettings()), Mode.COT, ONE_PATH)


@pytest.mark.parametrize(
    ("yes", "first_error", "judged"),
    [((0.9, 0.2, 0.9), 1, 2), ((0.4, 0.2, 0.9), 0, 1), ((0.9, 0.5, 0.6), -1, 3), ((0.9, 0.9, 0.1), 2, 3)],
)
async def test_a_rationale_goes_as_far_as_the_first_error(
    yes: tuple[float, ...], first_error: int, judged: int
) -> None:
    rationale = await judge_solution(SOLUTION, writer(judge_of(*yes)))
    assert rationale.judged_first_error == first_error
    assert len(rationale.verification.steps) == judged
    assert (rationale.solution_id, rationale.problem, rationale.steps) == (
        "p1-s0",
        SOLUTION.problem,
        SOLUTION.steps,
    )


async def test_the_judge_does_not_see_the_reference_answer() -> None:
    engine = judge_of(0.9, 0.9, 0.9)
    secret = Solution(**{name: getattr(SOLUTION, name) for name in SOLUTION.__slots__} | {"answer": "reference-5"})
    await judge_solution(secret, writer(engine))
    assert not any("reference-5" in prompt for prompt, _ in engine.requests)


async def test_a_model_that_writes_nothing_has_no_rationale() -> None:
    silent = GenPRMRewardModel(Verifier(judge_of(0.9, 0.9, 0.9), None, VerifierSettings()), Mode.COT)
    with pytest.raises(InputError, match="writes no verification that could be a rationale"):
        await judge_solution(SOLUTION, silent)


async def test_a_dead_engine_names_the_solution() -> None:
    engine = judge_of(0.9)
    await engine.close()
    with pytest.raises(EngineError, match="p1-s0"):
        await judge_solution(SOLUTION, writer(engine))


async def rationale_of(engine: ScriptedEngine) -> Rationale:
    return await judge_solution(SOLUTION, writer(engine))


def chatterbox() -> ScriptedEngine:
    """A model that was never trained in the turn format: it never closes its analysis."""
    return ScriptedEngine(lambda prompt: "Sure, let me see. ", lambda prompt: {"Yes": math.log(0.9)})


async def test_a_model_that_does_not_know_the_format_is_stopped_at_its_fifth_rationale() -> None:
    lost, fine = await rationale_of(chatterbox()), await rationale_of(judge_of(0.9, 0.9, 0.9))
    assert (is_readable(lost), is_readable(fine)) == (False, True)

    trial = FormatTrial(RationaleSettings(model="org/chatterbox"))
    for _ in range(4):
        trial.look(lost)
    with pytest.raises(InputError, match=r"'org/chatterbox' .* first 5 .* rationales\.verifier\.format\.system"):
        trial.look(lost)


async def test_one_readable_rationale_among_the_first_is_enough() -> None:
    lost, fine = await rationale_of(chatterbox()), await rationale_of(judge_of(0.9, 0.9, 0.9))
    trial = FormatTrial(RationaleSettings())
    for rationale in [lost] * 4 + [fine] + [lost] * 10:
        trial.look(rationale)
