"""ThinkPRM: what it is shown, how its verdicts and its final answer are read, and both kinds of more thinking."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
from pydantic import ValidationError

from genprm.reward_models.think_prm import (
    RETHINK,
    TRAINED_HERE,
    ThinkPRM,
    average,
    read_by_heading,
    read_in_order,
    read_outcome,
    read_verdicts,
)
from genprm.settings import ThinkSettings
from tests.genprm.scripted_engine import ScriptedEngine

STEPS = ["Sam buys 4 keys.", "Step 2: 3 + 4 = 8."]
CHAIN = (
    " Step 1: it says so. The step is \\boxed{correct}\nStep 2: 3 + 4 is 7, which differs from what Step 1 allows. "
    "The step is \\boxed{incorrect}\n</think>\nnever read"
)


def engine(chain: str = CHAIN, yes: float = 0.2) -> ScriptedEngine:
    def reply(prompt: str) -> str:
        return " no" if prompt.endswith("Is the solution correct?") else chain

    return ScriptedEngine(
        reply, lambda prompt: {" yes": math.log(yes), " no": math.log(0.8 - yes), "": math.log(0.2)}
    )


@pytest.mark.parametrize(
    ("settings", "opening", "ended"),
    [(ThinkSettings(), "", "</think>"), (TRAINED_HERE, "\nLet's verify step by step:", "")],
    ids=["published", "trained here"],
)
async def test_the_input_is_the_published_one(settings: ThinkSettings, opening: str, ended: str) -> None:
    """A published chain begins behind the template's generation prompt, and is asked for its answer behind its end
    (`LongThoughtCritiqueDataset` at 214cce9: a chain, `</think>`, a line break, the question)."""
    asked = engine()
    await ThinkPRM(asked, settings=settings).score("How many?", STEPS)
    (first, thinking), (second, deciding) = asked.requests
    assert first == (
        "<|user|>\nYou are given a math problem and a proposed step-by-step solution:\n\n[Math Problem]\n\n"
        "How many?\n\n[Solution]\n\nStep 1: Sam buys 4 keys.\nStep 2: 3 + 4 = 8.\n\n"
        "Review and critique each step in "
        "the proposed solution to determine whether each step is correct. If the solution is incomplete, only "
        f"verify the provided steps.<|end|>\n<|assistant|>\n{opening}"
    )
    thought = CHAIN.partition("</think>")[0]
    assert second == f"{first}{thought}{ended}\nIs the solution correct?"
    assert thinking.stop == ("</think>", "Is the solution correct?")
    assert (deciding.max_tokens, deciding.temperature) == (2, 0.0)


async def test_steps_have_their_verdicts_and_the_solution_has_the_probability_of_yes() -> None:
    score = await ThinkPRM(engine(yes=0.2)).score("How many?", STEPS)
    assert score.rewards == [1.0, 0.0]
    assert score.outcome == pytest.approx(0.2 / 0.8)
    assert score.verdict is None


async def test_paths_are_averaged() -> None:
    chains = iter([" \\boxed{correct}\n\\boxed{correct}", " \\boxed{correct}\n\\boxed{incorrect}"])
    answers: Callable[[str], str] = lambda prompt: "yes" if prompt.endswith("correct?") else next(chains)  # noqa: E731
    score = await ThinkPRM(ScriptedEngine(answers), votes=2).score("How many?", STEPS)
    assert score.rewards == [1.0, 0.5]
    assert score.path_rewards == [[1.0, 1.0], [1.0, 0.0]]


async def test_each_path_is_sampled_with_its_own_seed() -> None:
    asked = engine()
    await ThinkPRM(asked, votes=3).score("How many?", STEPS)
    thinking = [sampling.seed for _, sampling in asked.requests if sampling.max_tokens > 2]
    assert len(set(thinking)) == 3


async def test_a_path_is_the_same_whatever_the_number_of_votes() -> None:
    model = ThinkPRM(engine())
    three = ThinkPRM(engine(), votes=3)
    paths = [await model.verify("How many?", STEPS, number) for number in range(3)]
    assert await three.score("How many?", STEPS) == average(paths)
    seeds = [[sampling.seed for _, sampling in one.engine.requests] for one in (model, three)]  # type: ignore[attr-defined]
    assert sorted(seeds[0]) == sorted(seeds[1])


@pytest.mark.parametrize(("votes", "temperature"), [(1, 0.0), (4, 0.4)])
async def test_published_chains_are_greedy_alone_and_sampled_together(votes: int, temperature: float) -> None:
    asked = engine()
    await ThinkPRM(asked, votes).score("How many?", STEPS)
    thinking = [sampling for _, sampling in asked.requests if not sampling.logprobs]
    assert {(sampling.temperature, sampling.max_tokens) for sampling in thinking} == {(temperature, 8192)}


@pytest.mark.parametrize("votes", [1, 4])
async def test_models_trained_here_are_sampled_as_they_always_were(votes: int) -> None:
    asked = engine()
    await ThinkPRM(asked, votes, settings=TRAINED_HERE).score("How many?", STEPS)
    thinking = [sampling for _, sampling in asked.requests if not sampling.logprobs]
    assert {(sampling.temperature, sampling.max_tokens) for sampling in thinking} == {(0.7, 8192)}


async def test_chains_that_are_empty_cut_or_without_a_verdict_are_counted() -> None:
    chains = iter(
        ["", " \\boxed{correct}" + " so" * 200, " \\boxed{incorrect}", " \\boxed{correct} \\boxed{correct}"]
    )
    answers: Callable[[str], str] = lambda prompt: "no" if prompt.endswith("correct?") else next(chains)  # noqa: E731
    model = ThinkPRM(ScriptedEngine(answers), settings=ThinkSettings(max_tokens=100))
    scores = [await model.score("How many?", STEPS) for _ in range(4)]
    assert [score.rewards for score in scores] == [[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0]]
    counts = model.verdict_counts()
    assert (counts.verdicts, counts.missing, counts.texts, counts.cut, counts.empty) == (8, 3, 4, 1, 1)


@pytest.mark.parametrize(
    ("text", "rewards", "silent"),
    [
        ("", [0, 0, 0], [0, 1, 2]),
        ("Step 1: \\boxed{correct}\nStep 3: \\boxed{correct}", [1, 1, 0], [2]),
        ("\\boxed{\\text{correct}} \\boxed{incorrect}", [1, 0, 0], []),
        ("\\boxed{correct} \\boxed{7} \\boxed{correct} \\boxed{incorrect}", [1, 1, 0], []),
        ("\\boxed{correct} \\boxed{correct} \\boxed{correct} \\boxed{incorrect}", [1, 1, 1], []),
    ],
)
def test_published_verdicts_are_those_of_the_steps_in_order_and_what_lacks_is_wrong(
    text: str, rewards: list[float], silent: list[int]
) -> None:
    """The authors' `extract_boxed_predictions`, padded with 0 to the number of steps."""
    assert read_in_order(text, 3) == (rewards, silent)


def test_a_step_behind_the_first_wrong_one_is_not_missed() -> None:
    assert read_by_heading("Step 2: \\boxed{incorrect}", 3) == ([0.5, 0.0, 0.5], [0])


async def test_a_chain_that_asks_the_question_itself_is_not_asked_it_twice() -> None:
    asked = engine(" Step 1: fine.\nStep 1 is \\boxed{correct}.\nIs the solution correct? Yes")
    await ThinkPRM(asked).score("How many?", STEPS)
    assert asked.requests[-1][0].endswith(
        "<|assistant|>\n Step 1: fine.\nStep 1 is \\boxed{correct}.\nIs the solution correct?"
    )


async def test_a_round_of_thinking_goes_on_from_the_last() -> None:
    asked = engine(" \\boxed{correct} \\boxed{correct}</think>")
    await ThinkPRM(asked, settings=ThinkSettings(rounds=3)).score("How many?", STEPS)
    prompts = [prompt for prompt, _ in asked.requests]
    assert len(prompts) == 4
    assert all(later.startswith(earlier) for earlier, later in pairwise(prompts))
    assert [RETHINK[0] in prompt for prompt in prompts] == [False, True, True, True]
    assert [RETHINK[1] in prompt for prompt in prompts] == [False, False, True, True]


async def test_verdicts_count_also_where_the_context_has_no_room_for_the_question() -> None:
    chain = " \\boxed{correct}\n\\boxed{incorrect}" + " so" * 200
    full = ScriptedEngine(lambda prompt: chain, max_context=300)
    score = await ThinkPRM(full).score("How many?", STEPS)
    assert (score.rewards, score.outcome, score.undecided) == ([1.0, 0.0], 0.5, True)


@pytest.mark.parametrize(
    ("text", "rewards"),
    [
        ("\\boxed{correct} \\boxed{correct} \\boxed{incorrect}", [1.0, 1.0, 0.0]),
        ("Step 1: \\boxed{correct}\n**Step 2**: from Step 1 ... \\boxed{ incorrect }", [1.0, 0.0, 0.5]),
        ("### Step 3: \\boxed{incorrect}", [0.5, 0.5, 0.0]),
        ("Step 1: \\boxed{correct}\nWait.\nStep 1: \\boxed{incorrect}", [0.0, 0.5, 0.5]),
        ("Step 4: \\boxed{incorrect}", [0.5, 0.5, 0.5]),
        ("nothing boxed", [0.5, 0.5, 0.5]),
    ],
)
def test_a_verdict_belongs_to_the_step_whose_heading_came_last(text: str, rewards: list[float]) -> None:
    assert read_verdicts(text, 3) == rewards


@pytest.mark.parametrize(
    ("positions", "outcome", "verdict"),
    [
        ([{"maybe": math.log(0.9)}], 0.5, "none"),
        ([], 0.5, "none"),
        ([{" ": math.log(0.9), "no": math.log(0.1)}], 0.5, "none"),
        ([{" Yes": math.log(0.3), " no": math.log(0.1)}, {"No": math.log(1.0)}], 0.75, "Yes"),
        ([{" ": math.log(0.9), " No": math.log(0.1)}, {"YES": math.log(0.2), "No": math.log(0.6)}], 0.25, "No"),
    ],
    ids=["neither", "nothing said", "a space alone", "one token with its space", "a token behind its space"],
)
def test_the_answer_is_read_where_a_word_is_due(
    positions: list[dict[str, float]], outcome: float, verdict: str
) -> None:
    assert read_outcome(positions) == (pytest.approx(outcome), verdict)


@pytest.mark.parametrize("rounds", [0, 5])
def test_rounds_that_make_no_sense_are_refused(rounds: int) -> None:
    with pytest.raises(ValidationError, match="rounds"):
        ThinkSettings(rounds=rounds)


def test_no_path_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="votes is 0, allowed"):
        ThinkPRM(engine(), votes=0)
