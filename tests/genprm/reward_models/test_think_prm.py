"""ThinkPRM: what it is shown, how its verdicts and its final answer are read, and both kinds of more thinking."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest

from genprm.reward_models.think_prm import RETHINK, ThinkPRM, average, read_outcome, read_verdicts
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


async def test_the_input_is_the_published_one() -> None:
    asked = engine()
    await ThinkPRM(asked).score("How many?", STEPS)
    (first, thinking), (second, deciding) = asked.requests
    assert first == (
        "<|user|>\nYou are given a math problem and a proposed step-by-step solution:\n\n[Math Problem]\n\n"
        "How many?\n\n[Solution]\n\nStep 1: Sam buys 4 keys.\nStep 2: 3 + 4 = 8.\n\n"
        "Review and critique each step in "
        "the proposed solution to determine whether each step is correct. If the solution is incomplete, only "
        "verify the provided steps.<|end|>\n<|assistant|>\n\nLet's verify step by step:"
    )
    thought = CHAIN.partition("</think>")[0]
    assert second == f"{first}{thought}\nIs the solution correct?"
    assert thinking.stop == ("</think>", "Is the solution correct?")
    assert (deciding.max_tokens, deciding.temperature) == (2, 0.0)


async def test_steps_have_their_verdicts_and_the_solution_has_the_probability_of_yes() -> None:
    score = await ThinkPRM(engine(yes=0.2)).score("How many?", STEPS)
    assert score.rewards == [1.0, 0.0]
    assert score.outcome == pytest.approx(0.2 / 0.8)
    assert score.verdict is None


async def test_paths_are_averaged() -> None:
    chains = iter([" \\boxed{correct}\n\\boxed{correct}", " \\boxed{correct}\n\\boxed{incorrect}"])
    answers: Callable[[str], str] = lambda prompt: next(chains) if prompt.endswith("step:") else "yes"  # noqa: E731
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


async def test_a_chain_that_asks_the_question_itself_is_not_asked_it_twice() -> None:
    asked = engine(" Step 1: fine.\nStep 1 is \\boxed{correct}.\nIs the solution correct? Yes")
    await ThinkPRM(asked).score("How many?", STEPS)
    assert asked.requests[-1][0].endswith(
        "by step: Step 1: fine.\nStep 1 is \\boxed{correct}.\nIs the solution correct?"
    )


async def test_a_round_of_thinking_goes_on_from_the_last() -> None:
    asked = engine(" \\boxed{correct} \\boxed{correct}</think>")
    await ThinkPRM(asked, rounds=3).score("How many?", STEPS)
    prompts = [prompt for prompt, _ in asked.requests]
    assert len(prompts) == 4
    assert all(later.startswith(earlier) for earlier, later in pairwise(prompts))
    assert [RETHINK[0] in prompt for prompt in prompts] == [False, True, True, True]
    assert [RETHINK[1] in prompt for prompt in prompts] == [False, False, True, True]


async def test_verdicts_count_also_where_the_context_has_no_room_for_the_question() -> None:
    chain = " \\boxed{correct}\n\\boxed{incorrect}" + " so" * 200
    full = ScriptedEngine(lambda prompt: chain, max_context=300)
    score = await ThinkPRM(full).score("How many?", STEPS)
    assert (score.rewards, score.outcome) == ([1.0, 0.0], 0.5)


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
    ("positions", "outcome"),
    [
        ([{"maybe": math.log(0.9)}], 0.5),
        ([], 0.5),
        ([{" ": math.log(0.9), "no": math.log(0.1)}], 0.5),
        ([{" Yes": math.log(0.3), " no": math.log(0.1)}, {"No": math.log(1.0)}], 0.75),
        ([{" ": math.log(0.9), " No": math.log(0.1)}, {"YES": math.log(0.2), "No": math.log(0.6)}], 0.25),
    ],
    ids=["neither", "nothing said", "a space alone", "one token with its space", "a token behind its space"],
)
def test_the_answer_is_read_where_a_word_is_due(positions: list[dict[str, float]], outcome: float) -> None:
    assert read_outcome(positions) == pytest.approx(outcome)


@pytest.mark.parametrize("options", [{"votes": 0}, {"rounds": 0}, {"rounds": 5}])
def test_counts_that_make_no_sense_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(options))} is {next(iter(options.values()))}, allowed"):
        ThinkPRM(engine(), **options)
