"""What is measured with was never trained on."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from genprm.data_sets.own import labelled_cases
from genprm.data_sets.processbench import load_subset
from genprm.smol.parts import benchmark_cases, held_out_part, is_held_out, training_part
from genprm.smol.recipe import Recipe
from genprm.smol.worked import WorkedSolution

RECIPE = Recipe(conversations=2500)
TWENTY = Path(__file__).with_name("twenty_solutions.jsonl")


@pytest.fixture(scope="module")
def trained(data_dir: Path) -> set[str]:
    """The problems that are trained on."""
    return {one.solution.problem for one in training_part(RECIPE, data_dir)}


def test_no_problem_is_in_both_parts(data_dir: Path, trained: set[str]) -> None:
    held_out = {one.solution.problem for one in held_out_part(RECIPE, data_dir, 300)}

    assert len(trained) > 1000
    assert len(held_out) > 100
    assert not trained & held_out


def test_no_problem_is_one_of_processbench(data_dir: Path, trained: set[str]) -> None:
    measured = {"".join(case.problem.split()) for case in load_subset("gsm8k", data_dir)}

    assert not {"".join(problem.split()) for problem in trained} & measured


def test_a_tenth_of_the_problems_is_held_out(solutions: list[WorkedSolution]) -> None:
    held_out = [solution for solution in solutions if is_held_out(solution)]

    assert len(held_out) / len(solutions) == pytest.approx(0.1, abs=0.02)


def test_cases_are_read_as_ones_own_labelled_solutions(data_dir: Path) -> None:
    cases = benchmark_cases(held_out_part(RECIPE, data_dir, 40))
    rows = [(f"row {case.id}", json.loads(json.dumps(dataclasses.asdict(case)))) for case in cases]

    assert sorted(labelled_cases(rows), key=lambda case: case.id) == sorted(cases, key=lambda case: case.id)
    assert all((case.label == -1) == (case.subset == "right") for case in cases)


def test_the_twenty_solutions_are_half_right() -> None:
    rows = [json.loads(line) for line in TWENTY.read_text().splitlines()]
    cases = labelled_cases((row["id"], row) for row in rows)

    assert len(cases) == 20
    assert sum(case.label == -1 for case in cases) == 10
    assert [len(case.steps) for case in cases] == [len(row["solution"].splitlines()) for row in rows]
