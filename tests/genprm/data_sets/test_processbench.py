"""ProcessBench as released: sizes, the one label that differs between versions, and nothing lost on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from genprm.data_sets.processbench import SUBSETS, load_subset
from genprm.data_sets.rows import InputError
from genprm.records import BenchmarkCase
from genprm.settings import TurnFormat
from genprm.steps import split_steps
from genprm.tables import read_rows, write_rows
from genprm.verification.conversation import conversation_messages

GROUPS = {"gsm8k": (207, 193), "math": (594, 406), "olympiadbench": (661, 339), "omnimath": (759, 241)}


@pytest.mark.parametrize("subset", SUBSETS)
def test_group_sizes_are_those_of_the_paper(data_dir: Path, subset: str) -> None:
    found = load_subset(subset, data_dir)
    wrong = sum(case.label != -1 for case in found)
    assert (wrong, len(found) - wrong) == GROUPS[subset]
    assert {case.subset for case in found} == {subset}


def test_the_released_label_of_math_688(processbench: list[BenchmarkCase]) -> None:
    assert [case.label for case in processbench if case.id == "math-688"] == [0]


def test_every_field_is_as_in_the_file(processbench: list[BenchmarkCase], data_dir: Path) -> None:
    stored = [row for s in SUBSETS for row in json.loads((data_dir / "processbench" / f"{s}.json").read_text())]
    assert len(processbench) == len(stored) == 3400
    for case, row in zip(processbench, stored, strict=True):
        assert {name: getattr(case, name) for name in row} == row


def test_cases_survive_a_table(processbench: list[BenchmarkCase], tmp_path: Path) -> None:
    write_rows(BenchmarkCase, processbench, tmp_path / "cases.parquet")
    assert read_rows(BenchmarkCase, tmp_path / "cases.parquet") == processbench


def test_rendering_loses_nothing(processbench: list[BenchmarkCase]) -> None:
    format_ = TurnFormat()
    for case in processbench:
        turns = [f"judgement {index}" for index in range(len(case.steps))]
        messages = conversation_messages(format_, case.problem, case.steps, turns, "full")
        assert [m.content for m in messages if m.role == "assistant"] == turns
        first, *rest = [m.content for m in messages if m.role == "user"]
        assert first == f"Question: {case.problem}\n\n{case.steps[0]}"
        assert rest == case.steps[1:]


def test_splitting_gives_back_all_steps(processbench: list[BenchmarkCase]) -> None:
    for case in processbench:
        numbered = [f"Step {number}: {step.strip()}" for number, step in enumerate(case.steps, start=1)]
        assert split_steps("\n\n".join(numbered)) == numbered


GOOD: dict[str, Any] = {
    "id": "x-0",
    "generator": "g",
    "problem": "p",
    "steps": ["a", "b"],
    "final_answer_correct": True,
    "label": -1,
}


def write(folder: Path, *rows: object) -> Path:
    path = folder / "processbench" / "math.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(rows))
    return folder


@pytest.mark.parametrize("label", [-1, 0, 1])
def test_a_label_names_a_step_or_none(tmp_path: Path, label: int) -> None:
    (case,) = load_subset("math", write(tmp_path, GOOD | {"label": label}))
    assert case.label == label


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"label": 2}, "field 'label' is 2, allowed: -1 (no error) to 1 (the last step)"),
        ({"label": -2}, "field 'label' is -2"),
        ({"label": 0.5}, "field 'label' is 0.5"),
        ({"steps": []}, "field 'steps' is [], allowed: a non-empty list of non-empty strings"),
        ({"steps": ["a", " "]}, "field 'steps[1]' is ' ', allowed: a non-empty string"),
        ({"steps": "a"}, "field 'steps' is 'a'"),
        ({"final_answer_correct": 1}, "field 'final_answer_correct' is 1, allowed: true or false"),
        ({"problem": ""}, "field 'problem' is '', allowed: a non-empty string"),
        ({"generator": None}, "field 'generator' is None"),
        ({"id": ""}, "field 'id' is ''"),
    ],
)
def test_a_wrong_row_is_refused(tmp_path: Path, changed: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as error:
        load_subset("math", write(tmp_path, GOOD, GOOD | {"id": "x-1"} | changed))
    assert message in str(error.value)
    assert "math.json row 1" in str(error.value)


@pytest.mark.parametrize("name", GOOD)
def test_a_missing_field_is_named(tmp_path: Path, name: str) -> None:
    row = {key: value for key, value in GOOD.items() if key != name}
    with pytest.raises(InputError, match=f"row 0: field '{name}' is missing"):
        load_subset("math", write(tmp_path, row))


def test_an_id_comes_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"row 1: field 'id' is 'x-0', already used at .*row 0"):
        load_subset("math", write(tmp_path, GOOD, GOOD))


def test_an_unknown_subset_is_refused() -> None:
    with pytest.raises(InputError, match="ProcessBench subset 'algebra' is unknown, allowed: gsm8k, math"):
        load_subset("algebra")
