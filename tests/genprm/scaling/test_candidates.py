"""Candidates for Best-of-N: drawn one by one, graded, and grouped by answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from genprm.domains.base import Grader
from genprm.domains.mathematics import MATHEMATICS
from genprm.engines.base import Completion, Sampling
from genprm.miniature.world.generation import generate_problems
from genprm.records import Problem, SampledSolution
from genprm.scaling.candidates import answer_problems, sample_candidate, steps_of, with_groups
from genprm.settings import ScalingSettings
from tests.genprm.scripted_engine import ScriptedEngine, count_tokens

PROBLEM = Problem("p", "What is 3 + 4 - 2?", "5", "test")


@pytest.fixture
def grader() -> Iterator[Grader]:
    with MATHEMATICS.grader() as opened:
        yield opened


class Varied(ScriptedEngine):
    """Answers with the seed it was asked with."""

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        self.requests.append((prompt, sampling))
        return [Completion(f" 7.\n\nStep 2: \\boxed{{{sampling.seed}}}.", 9, "stop")]


def row(index: int, answer: str | None, correct: bool) -> SampledSolution:
    return SampledSolution(f"p-{index}", "p", PROBLEM.problem, ["Step 1: x"], answer, None, correct, 5)


async def test_a_candidate_is_graded_against_the_reference(grader: Grader) -> None:
    engine = ScriptedEngine(lambda _: " 3 + 4 = 7.\n\nStep 2: 7 - 2 = 5, so \\boxed{5.0}.")
    found = await sample_candidate(PROBLEM, 3, engine, ScalingSettings(), grader)
    assert (found.id, found.final_answer, found.correct) == ("p-3", "5.0", True)
    ((prompt, _),) = engine.requests
    assert found.prompt_tokens == count_tokens(prompt)
    assert found.steps == ["Step 1: 3 + 4 = 7.", "Step 2: 7 - 2 = 5, so \\boxed{5.0}."]


async def test_every_candidate_has_a_seed_of_its_own_that_does_not_depend_on_their_number(
    grader: Grader,
) -> None:
    few, many = ScalingSettings(candidates=2), ScalingSettings(candidates=4)
    one = [await sample_candidate(PROBLEM, i, Varied(str), few, grader) for i in range(2)]
    other = [await sample_candidate(PROBLEM, i, Varied(str), many, grader) for i in range(4)]
    assert one == other[:2]
    assert len({candidate.final_answer for candidate in other}) == 4


async def test_a_truncated_candidate_has_no_answer(grader: Grader) -> None:
    engine = ScriptedEngine(lambda _: " 3 + 4 = 7.\n\nStep 2: the answer is \\boxed{5}, and then " + "so " * 4000)
    found = await sample_candidate(PROBLEM, 0, engine, ScalingSettings(), grader)
    assert (found.final_answer, found.correct) == (None, False)


def test_text_without_numbers_is_judged_by_paragraphs() -> None:
    assert steps_of("Step 1: a.\n\nStep 2: b.") == ["Step 1: a.", "Step 2: b."]
    assert steps_of("We add.\n\n\nThen we are done: 7.") == ["We add.", "Then we are done: 7."]


async def test_answers_that_mean_the_same_are_right_or_wrong_together(grader: Grader) -> None:
    rows = [row(0, "1/2", True), row(1, None, False), row(2, "3", False), row(3, "0.5", False)]
    grouped = await with_groups(rows, grader.answers)
    assert [(one.group, one.correct) for one in grouped] == [(0, True), (None, False), (1, False), (0, True)]


def test_the_miniature_s_problems_are_held_out_and_limited() -> None:
    found = answer_problems("miniature", ScalingSettings(limit=20))
    trained_on = {one.text for one in generate_problems("pipeline", 500)}
    assert len(found) == 20
    assert not trained_on & {problem.problem for problem in found}


def test_published_sets_come_from_a_directory(data_dir: Path) -> None:
    assert len(answer_problems("aime24", ScalingSettings(), data_dir)) == 30
    assert len(answer_problems("amc23", ScalingSettings(limit=7), data_dir)) == 7
