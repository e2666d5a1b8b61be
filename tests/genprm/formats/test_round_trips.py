"""What is read and written again is the same, on published rows where they are at hand."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from genprm.data_sets.rows import InputError
from genprm.formats.base import export_rows, format_named, import_rows
from genprm.labels.progress import label_rows
from genprm.settings import LabelVariant

SHEPHERD = {
    "input": "Why? Step 1: ки is a word. ки\nStep 2: So 1 + 1 = 3. ки",
    "label": "Why? Step 1: ки is a word. +\nStep 2: So 1 + 1 = 3. -",
    "task": "GSM8K",
}
RLHFLOW = {
    "conversations": [
        {"role": "user", "content": "Why? Step 1: Because."},
        {"role": "assistant", "content": "+"},
        {"role": "user", "content": "Step 2: So 1 + 1 = 3."},
        {"role": "assistant", "content": "-"},
    ]
}
STEPWISE = {"prompt": "Which is larger?", "completions": ["9.9 is 9.90.", "So 9.11."], "labels": [True, False]}
PROCESSBENCH = {
    "id": "gsm8k-0",
    "generator": "someone",
    "problem": "Why?",
    "steps": ["a", "b", "c"],
    "final_answer_correct": False,
    "label": 1,
}
GENPRM_MATH = {
    "conversations": [
        {"role": "system", "content": "You are a math teacher."},
        {"role": "user", "content": "Question: Which is larger?\n\nSay why.\n\nStep 1: 9.9 is 9.90."},
        {"role": "assistant", "content": "<analyze>\nFine.\n</analyze>\n<output>\n$\\boxed{Yes}$\n</output>\n"},
        {"role": "user", "content": "Step 2: So 9.11."},
        {"role": "assistant", "content": "<output>\n**Judgement**: $\\boxed{No}$\n</output>\n"},
    ]
}
PRM800K = {
    "labeler": "x",
    "question": {"problem": "Why?", "ground_truth_answer": "7"},
    "label": {
        "steps": [
            {
                "completions": [
                    {"text": "a", "rating": 0, "flagged": False},
                    {"text": "bad", "rating": -1, "flagged": None},
                ],
                "human_completion": None,
                "chosen_completion": 0,
            },
            {
                "completions": [{"text": "worse", "rating": -1, "flagged": False}],
                "human_completion": {"text": "b", "rating": None, "source": "human", "flagged": False},
                "chosen_completion": None,
            },
            {"completions": None, "human_completion": None, "chosen_completion": None},
        ],
        "finish_reason": "give_up",
    },
}
VERSAPRM = {
    "id": 3,
    "category": "law",
    "question": "May he?",
    "chain_of_thoughts": "['He is of age.', \"So he's bound.\"]",
    "labels": "[1, -1]",
}
VERSAPRM_TRAINING = {
    "domain": "law",
    "question": "May he?",
    "chain_of_thoughts": [
        {"steps": ["a", "b"], "labels": [0, -1], "augs": [{"aug_step": "c", "aug_idx": 2, "aug_type": 1}]},
        {"steps": ["d"], "labels": [1], "augs": []},
    ],
}
OMEGAPRM = {
    "question": "Why?",
    "final_answer": "7",
    "reasoning_steps": [
        {"solution_prefix": "Why?", "mc_value": 0.5},
        {"solution_prefix": "Why?\n\nFirst.\n\nThen.", "mc_value": 0.0},
        {"solution_prefix": "Why?\n\nFirst.", "mc_value": 0.25},
        {"solution_prefix": "Why?\n\nFirst.", "mc_value": 0.5},
    ],
}
OMEGAPRM_TREE = {
    "question": "Why?",
    "reasoning_steps": {
        "text": "Why?",
        "mc_value": 0.5,
        "children": [
            {
                "text": "First.",
                "mc_value": 0.25,
                "children": [{"text": "Then.", "mc_value": 0.0, "children": []}],
            },
            {"text": "First.", "mc_value": 0.5, "children": []},
        ],
    },
}
THINKPRM = {
    "problem": "Why?",
    "prefix": "Step 1: a \nStep 2: b",
    "cot": "<think>Step 1: fine. \\boxed{correct}\nStep 2: no. \\boxed{incorrect}</think>",
    "gt_step_labels": ["+", "-"],
}
VERL = {
    "data_source": "critic",
    "ability": "math",
    "prompt": [
        {
            "role": "user",
            "content": "Look.\n\n[Math Problem]\n\nWhy?\n\n[Solution]\n\n<paragraph_0>\na\n</paragraph_0>\n\n"
            "<paragraph_1>\nb\n</paragraph_1>",
        }
    ],
    "reward_model": {"style": "rule", "ground_truth": "1"},
    "extra_info": {"index": 0, "split": "train"},
}


def imported(name: str, rows: list[Any]) -> list[dict[str, Any]]:
    return list(import_rows(format_named(name), [("row", row) for row in rows]))


def exported(name: str, rows: list[Any]) -> list[dict[str, Any]]:
    return list(export_rows(format_named(name), [("row", row) for row in rows]))


@pytest.mark.parametrize(
    ("name", "row", "steps", "labels"),
    [
        ("math-shepherd", SHEPHERD, ["Step 1: ки is a word.", "Step 2: So 1 + 1 = 3."], [1, 0]),
        ("rlhflow", RLHFLOW, ["Step 1: Because.", "Step 2: So 1 + 1 = 3."], [1, 0]),
        ("trl-stepwise", STEPWISE, ["9.9 is 9.90.", "So 9.11."], [1, 0]),
        ("processbench", PROCESSBENCH, ["a", "b", "c"], [1, 0]),
        ("genprm-math", GENPRM_MATH, ["Step 1: 9.9 is 9.90.", "Step 2: So 9.11."], [1, 0]),
        ("prm800k", PRM800K, ["a", "b"], [1, 1]),
        ("versaprm", VERSAPRM, ["He is of age.", "So he's bound."], [1, 0]),
        ("thinkprm", THINKPRM, ["Step 1: a", "Step 2: b"], [1, 0]),
        ("verl", VERL, ["a", "b"], [1, 0]),
    ],
)
def test_a_row_comes_back(name: str, row: dict[str, Any], steps: list[str], labels: list[int]) -> None:
    [found] = imported(name, [row])
    assert (found["steps"], found["labels"]) == (steps, labels)
    assert exported(name, json.loads(json.dumps([found]))) == [row]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("math-shepherd", "step-label-samples/openr_math-shepherd.jsonl"),
        ("prm800k", "step-label-samples/openr_prm800k.jsonl"),
        ("versaprm-training", "step-label-samples/versaprm_prm800k_phase2_eval_small.json"),
        ("omegaprm", "step-label-samples/openr_math-aps.jsonl"),
        ("omegaprm-tree", "step-label-samples/openr_math-aps-tree.jsonl"),
        ("processbench", "processbench/gsm8k.json"),
        ("processbench", "processbench/omnimath.json"),
    ],
)
def test_published_rows_come_back(name: str, file: str, data_dir: Path) -> None:
    rows = published(data_dir / file)
    assert exported(name, json.loads(json.dumps(imported(name, rows)))) == rows


def published(file: Path) -> list[Any]:
    text = file.read_text()
    return json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("name", "row", "solutions"),
    [
        ("versaprm-training", VERSAPRM_TRAINING, [(["a", "b"], [1, 0]), (["d"], [1])]),
        ("omegaprm", OMEGAPRM, [(["First.", "Then."], [1, 0]), (["First."], [1])]),
        ("omegaprm-tree", OMEGAPRM_TREE, [(["First.", "Then."], [1, 0]), (["First."], [1])]),
    ],
)
def test_a_row_of_several_solutions_comes_back(
    name: str, row: dict[str, Any], solutions: list[tuple[list[str], list[int]]]
) -> None:
    lines = imported(name, [row, row])
    assert [(line["steps"], line["labels"]) for line in lines] == 2 * solutions
    assert exported(name, json.loads(json.dumps(lines))) == [row, row]


def test_scores_of_omegaprm_are_labelled_as_scores_of_ones_own() -> None:
    rows: list[Any] = imported("omegaprm", [OMEGAPRM])
    labels = list(label_rows([("row", row) for row in rows], LabelVariant(estimator="ratio", epsilon=0.8)))
    # 0.25 / 0.5 is below 0.8; the other way keeps all of the 0.5 that the problem had.
    assert [one.labels for one in labels] == [[0, 0], [1]]


def test_the_tree_holds_what_the_flat_records_hold() -> None:
    flat, tree = imported("omegaprm", [OMEGAPRM]), imported("omegaprm-tree", [OMEGAPRM_TREE])
    assert [(one["steps"], one["mc"]) for one in flat] == [(one["steps"], one["mc"]) for one in tree]


def test_completions_that_were_not_chosen_are_rows_of_their_own(data_dir: Path) -> None:
    """As TRL expands PRM800K (`examples/datasets/prm800k.py`), but for neutral steps, which are not wrong here."""
    rows = published(data_dir / "step-label-samples/openr_prm800k.jsonl")
    expected = [one for row in rows for one in expanded_as_trl_does(row)]
    found = exported("trl-stepwise", imported("prm800k", rows))
    assert sorted((row["completions"], row["labels"]) for row in found) == sorted(expected)


def expanded_as_trl_does(row: dict[str, Any]) -> list[tuple[list[str], list[bool]]]:
    texts: list[str] = []
    right: list[bool] = []
    found = []
    for step in row["label"]["steps"]:
        for index, completion in enumerate(step["completions"] or []):
            if index != step["chosen_completion"]:
                found.append(([*texts, completion["text"]], [*right, completion["rating"] >= 0]))
        if step["chosen_completion"] is not None:
            chosen = step["completions"][step["chosen_completion"]]
            texts, right = [*texts, chosen["text"]], [*right, chosen["rating"] >= 0]
        elif step["human_completion"] is not None:
            texts, right = [*texts, step["human_completion"]["text"]], [*right, True]
        else:
            break
    return [*found, (texts, right)]


@pytest.mark.parametrize("name", ["prm800k", "versaprm", "versaprm-training", "verl", "processbench"])
def test_labels_of_others_make_a_row_that_reads_as_they_did(name: str) -> None:
    [row] = exported(name, imported("math-shepherd", [{**SHEPHERD}]))
    [again] = imported(name, [json.loads(json.dumps(row))])
    assert (again["steps"], again["labels"]) == (["Step 1: ки is a word.", "Step 2: So 1 + 1 = 3."], [1, 0])


@pytest.mark.parametrize("name", ["processbench", "verl"])
def test_steps_that_nobody_judged_are_not_said_to_be_right(name: str) -> None:
    [row] = exported(name, [{"problem": "Why?", "steps": ["a", "b"], "labels": [1]}])
    [again] = imported(name, [row])
    assert (again["steps"], again["labels"]) == (["a"], [1])


@pytest.mark.parametrize(("name", "lacks"), [("genprm-math", "turns"), ("omegaprm", "mc"), ("thinkprm", "chain")])
def test_what_a_format_consists_of_is_not_made_up(name: str, lacks: str) -> None:
    with pytest.raises(InputError, match=f"row: field '{lacks}' is missing"):
        exported(name, imported("math-shepherd", [{**SHEPHERD}]))


def test_labels_go_from_one_format_to_another() -> None:
    assert exported("rlhflow", imported("math-shepherd", [{**SHEPHERD}]))[0]["conversations"][1::2] == [
        {"role": "assistant", "content": "+"},
        {"role": "assistant", "content": "-"},
    ]


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        (
            "trl-stepwise",
            {**STEPWISE, "labels": [True]},
            "row: field 'labels' is [True], allowed: a label for each",
        ),
        ("math-shepherd", {**SHEPHERD, "label": "Why? Step 1: x"}, "row: field 'label' is "),
        ("rlhflow", {"conversations": []}, "row: field 'conversations' is [], allowed: "),
        ("processbench", {**PROCESSBENCH, "label": 3}, "row: field 'label' is 3, allowed: a step index below 3"),
        ("genprm-math", {"conversations": GENPRM_MATH["conversations"][:2]}, "row: field 'conversations' is "),
        ("prm800k", {**PRM800K, "label": {}}, "row: field 'steps' is missing"),
        ("versaprm", {**VERSAPRM, "labels": "[1"}, "row: field 'labels' is '[1', allowed: a Python list as text"),
        ("omegaprm", {**OMEGAPRM, "question": "Who?"}, "field 'solution_prefix' does not begin with the question"),
        ("thinkprm", {**THINKPRM, "cot": "Hm."}, "row: field 'cot' boxes no verdict on the first step"),
        ("verl", {**VERL, "prompt": [{"content": "Why?"}]}, "row: field 'prompt' has no <paragraph_0>"),
        (
            "rlhflow",
            {"conversations": [{**t, "name": "x"} for t in RLHFLOW["conversations"]]},
            "row: the row would",
        ),
    ],
)
def test_a_wrong_row_is_named(name: str, row: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        imported(name, [row])


def test_an_unknown_format_is_named_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match="format is 'x', allowed: trl-stepwise, math-shepherd"):
        format_named("x")
