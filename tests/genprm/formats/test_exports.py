"""What is exported can be imported again, and says then what it said before: of any set, edited or not."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genprm.data_sets.rows import InputError
from genprm.formats.base import format_named
from genprm.registry import FORMATS
from tests.genprm.formats import test_round_trips as published
from tests.genprm.formats.test_round_trips import exported, imported

PUBLISHED: dict[str, dict[str, Any]] = {
    "math-shepherd": published.SHEPHERD,
    "rlhflow": published.RLHFLOW,
    "trl-stepwise": published.STEPWISE,
    "processbench": published.PROCESSBENCH,
    "genprm-math": published.GENPRM_MATH,
    "prm800k": published.PRM800K,
    "versaprm": published.VERSAPRM,
    "versaprm-training": published.VERSAPRM_TRAINING,
    "omegaprm": published.OMEGAPRM,
    "omegaprm-tree": published.OMEGAPRM_TREE,
    "thinkprm": published.THINKPRM,
    "verl": published.VERL,
}
OF_LABELS = [name for name in PUBLISHED if format_named(name).needs is None]


def labelled(lines: list[dict[str, Any]]) -> list[tuple[str, list[str], list[int]]]:
    """Problem, steps and labels up to the first error, of solutions and of alternatives as rows of their own."""
    rows = exported("trl-stepwise", lines)
    found = []
    for row in rows:
        labels = [int(label) for label in row["labels"]]
        end = labels.index(0) + 1 if 0 in labels else len(labels)
        bare = [re.sub(r"Step \d+:", "", step).strip() for step in row["completions"]]
        found.append((row["prompt"], bare[:end], labels[:end]))
    return sorted(found)


def again(name: str, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lines as they come back from a format."""
    return imported(name, json.loads(json.dumps(exported(name, json.loads(json.dumps(lines))))))


def test_every_format_is_tried() -> None:
    assert set(PUBLISHED) == set(FORMATS.names())


@pytest.mark.parametrize("name", OF_LABELS)
@pytest.mark.parametrize("origin", PUBLISHED)
def test_a_set_of_any_format_is_read_again_from_any_that_holds_labels(origin: str, name: str) -> None:
    lines = imported(origin, [copy.deepcopy(PUBLISHED[origin])])
    assert labelled(again(name, lines)) == labelled(lines)


@pytest.mark.parametrize("name", OF_LABELS)
@settings(max_examples=40)
@given(
    problem=st.text("ab ?\n\u0301", min_size=1).filter(str.strip),
    steps=st.lists(st.text("ab .\n+-", min_size=1).filter(str.strip), min_size=1, max_size=4),
    labels=st.lists(st.integers(0, 1), min_size=4, max_size=4),
    judged=st.integers(1, 4),
)
def test_ordinary_texts_are_read_again(
    name: str, problem: str, steps: list[str], labels: list[int], judged: int
) -> None:
    line = {"problem": problem.strip(), "steps": [step.strip() for step in steps], "labels": labels[: len(steps)]}
    line["labels"] = line["labels"][:judged]
    assert labelled(again(name, [line])) == labelled([line])


@pytest.mark.parametrize("name", OF_LABELS)
@settings(max_examples=40)
@given(data=st.data())
def test_odd_texts_are_read_again_or_refused_in_one_line(name: str, data: st.DataObject) -> None:
    parts = ("Step 1:", " Step 2:", "ки", "+", "-", "\n\n", "</paragraph_0>", "[Math Problem]", "\n\n[", " ", "a")
    text = st.lists(st.sampled_from(parts), min_size=1, max_size=4).map("".join).filter(str.strip)
    steps = data.draw(st.lists(text, min_size=1, max_size=3))
    line = {"problem": data.draw(text), "steps": steps, "labels": [1] * len(steps)}
    refused = ""
    try:
        back = again(name, [line])
    except InputError as error:
        refused = str(error)
    assert len(refused.splitlines()) == 1 if refused else labelled(back) == labelled([line])


@pytest.mark.parametrize("name", OF_LABELS)
@pytest.mark.parametrize("changed", [0, 1])
def test_an_edited_label_is_the_one_that_is_exported(name: str, changed: int) -> None:
    lines = imported(name, [copy.deepcopy(PUBLISHED[name])])
    labels = lines[0]["labels"]
    labels[changed:] = [1 - labels[changed]]
    assert labelled(again(name, lines)) == labelled(lines)


@pytest.mark.parametrize("name", OF_LABELS)
def test_edited_steps_are_those_that_are_exported(name: str) -> None:
    lines = imported(name, [copy.deepcopy(PUBLISHED[name])])
    lines[0]["steps"][0] = "Step 1: something else"
    lines[0]["steps"].append("One more.")
    lines[0]["labels"] = [1] * len(lines[0]["steps"])
    lines[0]["problem"] = "Another one?"
    if "row" in lines[0]:
        lines = lines[:1]
    assert labelled(again(name, lines)) == labelled(lines)


@pytest.mark.parametrize("name", ["prm800k", "versaprm-training"])
def test_a_line_without_its_alternatives_is_exported_without(name: str) -> None:
    lines = imported(name, [copy.deepcopy(PUBLISHED[name])])
    del lines[0]["alternatives"]
    back = again(name, lines)
    assert [line.get("alternatives") for line in back] == [None] * len(back)
    assert labelled(back) == labelled(lines)


def test_what_an_edited_label_leaves_is_kept() -> None:
    lines = imported("prm800k", [copy.deepcopy(published.PRM800K)])
    lines[0]["labels"] = [0]
    lines[0]["alternatives"][0]["label"] = 1
    [row] = exported("prm800k", lines)
    kept = copy.deepcopy(published.PRM800K)
    kept["label"]["steps"][0]["completions"][0]["rating"] = -1
    kept["label"]["steps"][0]["completions"][1]["rating"] = 1
    assert row == {**kept, "label": {**kept["label"], "steps": row["label"]["steps"]}}
    assert row["label"]["steps"][0] == kept["label"]["steps"][0]
    assert row["label"]["steps"][2] == kept["label"]["steps"][2]


def test_alternatives_stand_where_they_belong_in_any_order() -> None:
    lines = imported("versaprm-training", [copy.deepcopy(published.VERSAPRM_TRAINING)])[:1]
    lines[0]["alternatives"].append({"at": 0, "step": "e", "label": 0})
    assert labelled(again("prm800k", lines)) == labelled(lines)


def test_solutions_of_a_row_may_be_left_out() -> None:
    for name in ("omegaprm", "omegaprm-tree"):
        lines = imported(name, [copy.deepcopy(PUBLISHED[name])])[1:]
        assert labelled(again(name, lines)) == labelled(lines)


def test_a_field_that_is_null_counts_as_absent() -> None:
    """Parquet has every column in every row."""
    line = {"problem": "Why?", "steps": ["a"], "labels": [1]}
    others = dict.fromkeys(("mc", "pass_at_1", "turns", "chain", "alternatives", "further", "row"))
    assert exported("trl-stepwise", [{**line, **others}]) == exported("trl-stepwise", [line])


LINE = {"problem": "Why?", "steps": ["Step 1: a", "b"], "labels": [1, 0]}
YES = "<output>\n$\\boxed{Yes}$\n</output>\n"


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("omegaprm", {"mc": [0.5]}, "row: field 'mc' is [0.5], allowed: one for each of the 2 steps"),
        ("omegaprm-tree", {"mc": [0.5]}, "row: field 'mc' is [0.5], allowed: one for each of the 2 steps"),
        ("genprm-math", {"turns": [YES]}, "allowed: one for each of the 2 labels"),
        (
            "genprm-math",
            {"turns": [YES, YES]},
            "row: field 'labels' is [1, 0], allowed: [1, 1], which is what turns says",
        ),
        (
            "omegaprm",
            {"mc": [0.5, 0.5], "pass_at_1": 0.5},
            "row: field 'labels' is [1, 0], allowed: [1, 1], which is what mc says",
        ),
        (
            "thinkprm",
            {"chain": "Step 1: \\boxed{correct}\nStep 2: \\boxed{correct}"},
            "row: field 'labels' is [1, 0], allowed: [1, 1], which is what chain says",
        ),
        (
            "rlhflow",
            {"steps": ["Step 1: a, see Step 1: a", "b"]},
            "row, as it would be written: problem and steps would not be read as they are",
        ),
    ],
)
def test_a_line_that_would_not_be_read_again_is_named(name: str, line: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as refused:
        exported(name, [{**LINE, **line}])
    assert message in str(refused.value)
