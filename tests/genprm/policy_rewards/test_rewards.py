"""Rewards of samples, by a loaded model and by a server; options and what is refused."""

from __future__ import annotations

import asyncio

import pytest

from genprm import GenPRM
from genprm.data_sets.rows import InputError
from genprm.engines.base import EngineError
from genprm.policy_rewards.choices import Choice
from genprm.policy_rewards.judges import LocalJudge
from genprm.policy_rewards.options import open_rewards, read_options
from genprm.policy_rewards.rewards import PolicyRewards, numbers
from genprm.policy_rewards.samples import Sample
from genprm.settings import SettingsError, VerifierSettings
from tests.genprm.policy_rewards.conftest import judge_engine
from tests.genprm.scripted_engine import ScriptedEngine
from tests.genprm.scripted_judge import EchoSandbox

FLAWLESS = "Step 1: 1 + 1 = 2.\n\nStep 2: The answer is \\boxed{2}."
FLAWED = "Step 1: 1 + 1 = 3, wrong.\n\nStep 2: The answer is \\boxed{2}."
WRONG = "Step 1: 1 + 1 = 3, wrong.\n\nStep 2: The answer is \\boxed{3}."
SILENT = "Step 1: silent.\n\nStep 2: The answer is \\boxed{2}."
THOUGHT = "<think>1 + 1 is"
SAMPLES = [Sample("1 + 1?", text, "2") for text in (FLAWLESS, FLAWED, WRONG, SILENT, THOUGHT)]
EXPECTED = {
    Choice.OUTCOME: [1.0, 1.0, 0.0, 1.0, 0.0],
    Choice.STEPS: [1.0, 0.0, 0.0, None, 0.0],
    Choice.GATED: [1.0, 0.5, 0.0, None, 0.0],
    Choice.SHARE: [1.0, 0.5, 0.5, None, 0.0],
}


@pytest.mark.parametrize("choice", Choice)
def test_a_loaded_model_and_a_server_give_the_same(choice: Choice, server: str) -> None:
    prm = GenPRM(judge_engine(), EchoSandbox(), VerifierSettings(), "full")
    with PolicyRewards(choice, LocalJudge(prm)) as loaded:
        assert loaded.rewards(SAMPLES) == EXPECTED[choice]
    with open_rewards(read_options({"choice": choice.value})) as served:
        assert served.rewards(SAMPLES) == EXPECTED[choice]


def test_steps_are_judged_only_where_they_count(server: str, engine: ScriptedEngine) -> None:
    with open_rewards(read_options({"choice": "gated"})) as rewards:
        assert rewards.rewards([Sample("1 + 1?", WRONG, "2"), Sample("1 + 1?", THOUGHT, "2")]) == [0.0, 0.0]
    assert engine.requests == []


def test_answers_are_compared_by_meaning() -> None:
    with PolicyRewards(Choice.OUTCOME, None) as rewards:
        assert rewards.rewards([Sample("Half?", "It is \\boxed{\\frac{1}{2}}.", "0.5")]) == [1.0]


@pytest.mark.parametrize("told", ["5", "7"])
def test_the_answer_is_not_taken_from_a_thought(told: str) -> None:
    """A box counts more than a sentence, but not that of a thought."""
    response = "<think>\nI get \\boxed{7}.</think>\n\nThe total is 5 apples."
    with PolicyRewards(Choice.OUTCOME, None) as rewards:
        assert rewards.rewards([Sample("2 + 3?", response, told)]) == [float(told == "5")]


@pytest.mark.parametrize(
    ("response", "paid"), [("2 + 3 is \\boxed{5}? Wait", 0.0), ("2 + 3, hm.</think>\n\nIt is \\boxed{5}.", 1.0)]
)
def test_where_the_prompt_opens_the_thought_it_has_to_end(response: str, paid: float) -> None:
    sample = Sample("2 + 3?", response, "5")
    with open_rewards(read_options({"choice": "outcome", "thinks": True})) as rewards:
        assert rewards.rewards([sample]) == [paid]
    with open_rewards(read_options({"choice": "outcome"})) as rewards:
        assert rewards.rewards([sample]) == [1.0]


def test_rewards_may_be_asked_for_from_any_loop(server: str) -> None:
    with open_rewards(read_options()) as rewards:
        for _ in range(2):
            assert asyncio.run(rewards.rewards_async(SAMPLES[:2])) == [1.0, 0.5]
        assert rewards.rewards([]) == []


def test_votes_are_asked_for(server: str, engine: ScriptedEngine) -> None:
    with open_rewards(read_options({"choice": "steps", "votes": 3})) as rewards:
        rewards.rewards([Sample("1 + 1?", "It is 2.")])
    seeds = {sampling.seed for _, sampling in engine.requests if sampling.max_tokens > 1}
    assert len(seeds) == 3 * 3, "three paths, three parts of a turn"


def test_a_key_that_is_wrong_is_said_to_be(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENPRM_REWARD_API_KEY", "open barley")
    with (
        open_rewards(read_options()) as rewards,
        pytest.raises(EngineError, match=r"HTTP 401.*the API key is missing or wrong"),
    ):
        rewards.rewards(SAMPLES[:1])


def test_a_missing_reward_is_an_error_where_a_number_is_due() -> None:
    assert numbers([0.5, 1.0]) == [0.5, 1.0]
    with pytest.raises(EngineError, match="sample 1: a step without a verdict leaves its reward open"):
        numbers([0.5, None])


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (Sample(" ", "2", "2"), "sample 0: the problem is ' ', allowed: a non-empty string"),
        (Sample("1 + 1?", "2"), "sample 0: there is no reference answer; the reward 'outcome' needs it"),
        (
            Sample("1 + 1?", "2", "1 + 1 = 2\n#### 2"),
            "sample 0: the reference is '1 + 1 = 2\\n#### 2', allowed: the final answer alone, in one line",
        ),
    ],
)
def test_samples_that_cannot_be_rewarded_are_refused(sample: Sample, message: str) -> None:
    with PolicyRewards(Choice.OUTCOME, None) as rewards, pytest.raises(InputError) as refused:
        rewards.rewards([sample])
    assert str(refused.value) == message


def test_options_of_the_environment_and_those_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENPRM_REWARD_CHOICE", "share")
    monkeypatch.setenv("GENPRM_REWARD_VOTES", "4")
    monkeypatch.setenv("GENPRM_REWARD_URL", "")
    options = read_options({"choice": "steps", "model": "miniature/rationale"})
    assert (options.choice, options.votes, options.url, options.model) == ("steps", 4, "", "miniature/rationale")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"choice": "steep"}, "reward.choice: Input should be 'outcome', 'steps', 'gated' or 'share', got 'steep'"),
        (
            {"reward_router_address": "h:1"},
            "reward.reward_router_address: unknown key, value 'h:1' "
            "(allowed: choice, url, model, engine, votes, threshold, thinks, seconds)",
        ),
        ({}, "reward.url is '' and reward.model is '', allowed: one of them"),
        (
            {"url": "http://h", "model": "m"},
            "reward.url is 'http://h' and reward.model is 'm', allowed: one of them",
        ),
        ({"url": "h:8000"}, "url is 'h:8000', allowed: the address of a server, http://... or https://..."),
    ],
)
def test_options_that_cannot_be_are_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises((SettingsError, InputError)) as refused:
        open_rewards(read_options(given))
    assert str(refused.value).startswith(message)
