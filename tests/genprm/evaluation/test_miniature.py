"""The miniature benchmark: balanced, held out, labelled by the program, repeatable."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest

from genprm.data_sets.problems import load_problems
from genprm.engines.base import Completion, Sampling
from genprm.evaluation.miniature import SUBSETS, miniature_cases
from genprm.miniature.world.judge import judge
from genprm.miniature.world.problems import read_problem
from genprm.records import Message
from genprm.settings import ProblemSettings, SolutionSettings

SETTINGS = SolutionSettings(system=None, prompt="{problem}", max_samples=8)


def gold_solution(problem: str, slip: int | None) -> str:
    """All right calculations; at step `slip` one more than the right result, and everything after it as before."""
    parsed = read_problem(problem)
    lines = []
    for index, step in enumerate(parsed.gold):
        lead = f"By ({step.fact})" if step.fact else "Together"
        value = step.value + (index == slip)
        end = f" The answer is $\\boxed{{{value}}}$." if index == len(parsed.gold) - 1 else ""
        lines.append(f"Step {index + 1}: {lead}, {step.left} {step.op} {step.right} = {value} {parsed.thing}.{end}")
    return "\n\n".join(lines)


class StudentEngine:
    """Solves miniature problems; a share of its solutions slips at a random step, a few are cut off."""

    model = "student"

    def __init__(self, slips: float = 0.5, cut: float = 0.1) -> None:
        self.slips = slips
        self.cut = cut
        self.asked: Counter[str] = Counter()

    def render(self, messages: Sequence[Message], prefill: str | None = None) -> str:
        return messages[-1].content

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        self.asked[prompt] += n
        return [self._sample(prompt, random.Random(f"{sampling.seed}-{index}")) for index in range(n)]

    def _sample(self, prompt: str, rng: random.Random) -> Completion:
        slip = rng.randrange(len(read_problem(prompt).gold)) if rng.random() < self.slips else None
        text = gold_solution(prompt, slip).removeprefix("Step 1:")
        return Completion(text, 50, "length" if rng.random() < self.cut else "stop")

    async def close(self) -> None: ...


async def test_each_subset_is_half_wrong_and_half_right() -> None:
    cases = await miniature_cases(StudentEngine(), SETTINGS, per_subset=20, seed=3)
    assert Counter((case.subset, case.label == -1) for case in cases) == {
        ("short", True): 10,
        ("short", False): 10,
        ("long", True): 10,
        ("long", False): 10,
    }
    assert len({case.id for case in cases}) == 40
    assert {case.generator for case in cases} == {"student"}


async def test_labels_are_the_programs_and_subsets_follow_the_needed_steps() -> None:
    for case in await miniature_cases(StudentEngine(), SETTINGS, per_subset=20):
        judgement = judge(case.problem, case.steps)
        assert (case.label, judgement.kind) in {(judgement.first_error, "arith"), (-1, None)}
        fewest, most = SUBSETS[case.subset]
        problem = read_problem(case.problem)
        assert fewest <= len(problem.gold) <= most
        assert case.final_answer_correct == (f"boxed{{{problem.answer}}}" in case.steps[-1])


async def test_a_problem_gives_at_most_two_different_solutions() -> None:
    engine = StudentEngine()
    cases = await miniature_cases(engine, SETTINGS, per_subset=40)
    assert set(engine.asked.values()) == {2}
    assert max(Counter(case.problem for case in cases).values()) == 2
    assert len({(case.problem, *case.steps) for case in cases}) == len(cases)


async def test_no_problem_is_one_that_the_pipeline_trains_on() -> None:
    cases = await miniature_cases(StudentEngine(), SETTINGS, per_subset=20)
    trained = {p.problem for p in load_problems(ProblemSettings(source="miniature", limit=200))}
    assert trained.isdisjoint(case.problem for case in cases)


async def test_the_same_seed_gives_the_same_cases() -> None:
    first = await miniature_cases(StudentEngine(), SETTINGS, per_subset=10, seed=1)
    assert first == await miniature_cases(StudentEngine(), SETTINGS, per_subset=10, seed=1)
    other = await miniature_cases(StudentEngine(), SETTINGS, per_subset=10, seed=2)
    assert {case.problem for case in first}.isdisjoint(case.problem for case in other)


async def test_what_the_program_claims_nothing_about_is_left_out() -> None:
    class Rambler(StudentEngine):
        def _sample(self, prompt: str, rng: random.Random) -> Completion:
            if rng.random() < 0.5:
                return Completion(" Well.\n\nStep 2: The answer is $\\boxed{1}$.", 50, "stop")
            return super()._sample(prompt, rng)

    cases = await miniature_cases(Rambler(), SETTINGS, per_subset=10)
    assert len(cases) == 20
    assert not any("Well." in case.steps[0] for case in cases)


async def test_a_policy_without_wrong_solutions_makes_no_benchmark() -> None:
    with pytest.raises(ValueError, match=r"student: after \d+ problems still missing .*'2 wrong, 0 right'"):
        await miniature_cases(StudentEngine(slips=0.0), SETTINGS, per_subset=4)
