"""One more step of a solution: where it ends, whether the solution ends with it, and what decides it."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from genprm.engines import open_engine
from genprm.profiles import load_profile
from genprm.settings import EngineSettings, SamplingSettings, SolutionSettings
from genprm.step_sampler import SampledStep, StepSampler
from genprm.steps import split_steps
from tests.genprm.scripted_engine import ScriptedEngine, count_tokens

PROBLEM = "What is 3 + 4 - 2?"
SOLUTION = [" 3 + 4 = 7, see Step 2: below.", " 7 - 2 = 5.", " The answer is \\boxed{5}."]


def policy(prompt: str) -> str:
    """Writes the rest of the solution, as a model does that nobody stops."""
    number = int(prompt.rpartition("Step ")[2].removesuffix(":"))
    rest = [SOLUTION[number - 1], *(f"Step {n}:{SOLUTION[n - 1]}" for n in range(number + 1, 4))]
    return "\n\n".join(rest)


async def test_steps_one_by_one_are_the_solution() -> None:
    engine = ScriptedEngine(policy)
    sampler = StepSampler(engine, SolutionSettings())
    steps: list[str] = []
    while True:
        (step,) = await sampler.next_step(PROBLEM, steps, 1, seed=0)
        steps.append(step.text)
        if step.ended:
            break
    assert steps == [f"Step {number}:{text}" for number, text in enumerate(SOLUTION, 1)]
    assert split_steps("\n\n".join(steps)) == steps
    prompts = [prompt for prompt, _ in engine.requests]
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(prompts))


async def test_a_step_says_what_it_cost_and_how_it_ended() -> None:
    engine = ScriptedEngine(policy)
    sampler = StepSampler(engine, SolutionSettings(system=None))
    first, again = await sampler.next_step(PROBLEM, [], 2, seed=0)
    written = SOLUTION[0] + "\n\nStep 2:"
    prompt = f"<|user|>\n{PROBLEM}<|end|>\n<|assistant|>\nStep 1:"
    assert (
        first
        == again
        == SampledStep("Step 1:" + SOLUTION[0], False, False, count_tokens(written), count_tokens(prompt))
    )
    short = SolutionSettings(sampling=SamplingSettings(max_tokens=3))
    (cut,) = await StepSampler(engine, short).next_step(PROBLEM, [], 1, seed=0)
    assert (cut.text, cut.ended, cut.truncated, cut.tokens) == ("Step 1: 3", False, True, 3)


async def test_seeds_follow_from_seed_problem_and_steps() -> None:
    engine = ScriptedEngine(policy)
    sampler = StepSampler(engine, SolutionSettings())
    asked = [
        (PROBLEM, ["Step 1: a"], 0),
        (PROBLEM, ["Step 1: a"], 1),
        (PROBLEM, ["Step 1: b"], 0),
        ("2?", ["Step 1: a"], 0),
    ]
    for problem, steps, seed in [*asked, asked[0]]:
        await sampler.next_step(problem, steps, 1, seed)
    seeds = [sampling.seed for _, sampling in engine.requests]
    assert len(set(seeds)) == 4
    assert seeds[0] == seeds[-1]


@pytest.mark.parametrize("seed", [0, 1])
async def test_the_miniature_s_policy_samples_the_same_steps_again(seed: int) -> None:
    settings = load_profile("miniature").solutions
    problem = "How many figs does Zopim have in the end? (1) Zopim has 13 figs. (2) Zopim buys 8 figs."
    engine = open_engine(settings.model, EngineSettings(backend="transformers"))
    sampler = StepSampler(engine, settings)
    try:
        first = await sampler.next_step(problem, [], 4, seed)
        more = await asyncio.gather(*(sampler.next_step(problem, [one.text], 2, seed) for one in first))
        assert await sampler.next_step(problem, [], 4, seed) == first
        assert await asyncio.gather(*(sampler.next_step(problem, [one.text], 2, seed) for one in first)) == more
    finally:
        await engine.close()
    for one, follows in zip(first, more, strict=True):
        assert one.text.startswith("Step 1:")
        assert "Step 2:" not in one.text
        assert all(step.text.startswith("Step 2:") for step in follows)
