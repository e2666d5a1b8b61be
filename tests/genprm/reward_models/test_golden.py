"""Step scores that others published for real solutions: our layouts ask for as many, at the same steps."""

from __future__ import annotations

import gzip
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from genprm.reward_models.layouts import marked_lines, newline_rows, numbered
from genprm.reward_models.qwen_prm import qwen_rows
from genprm.reward_models.rlhflow import plus_turn_rows
from genprm.scaling.best_of_n import solution_reward
from genprm.verification.rewards import first_error

QWEN = "Qwen2.5-Math-PRM-7B_prm_"
RLHFLOW = "Llama3.1-8B-PRM-Mistral-Data_prm_"


@pytest.fixture(scope="session")
def scored(data_dir: Path) -> list[dict[str, Any]]:
    """MATH-500 solutions with the scores of two published models."""
    path = data_dir / "nait-prm-scores" / "qwen25-math-7b-instruct_math500_step-scores.json.gz"
    rows: list[dict[str, Any]] = json.loads(gzip.decompress(path.read_bytes()))
    return rows


@pytest.fixture(scope="session")
def judged(data_dir: Path) -> list[dict[str, Any]]:
    """Solutions with the first wrong step that people marked, and the scores of Math-Shepherd per sub-step."""
    folder = data_dir / "reasoneval"
    names = {
        "solution": "mr-math_invalid_errors",
        "shepherd": "math-shepherd_mistral-7b_scores",
        "reasoneval": "reasoneval_wizardmath-7b-v1.1_scores",
    }
    files = {
        key: [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
        for key, name in names.items()
    }
    assert [[row["id"] for row in rows] for rows in files.values()] == [[r["id"] for r in files["solution"]]] * 3
    return [{key: rows[index] for key, rows in files.items()} for index in range(len(files["solution"]))]


def test_qwen_scores_are_one_per_step_and_the_marks_part_the_text_into_the_steps(
    scored: list[dict[str, Any]], qwen_prm: Any
) -> None:
    tokenizer = qwen_prm.tokenizer
    total = 0
    for row in scored:
        (steps,), (scores,) = row["steps"], row[f"{QWEN}scores"]
        (laid_out,) = qwen_rows(tokenizer, "m", row["problem"], steps)
        assert len(laid_out.marks) == len(scores)
        total += len(laid_out.marks)
    assert total == 11420
    for row in scored[::10]:
        (steps,) = row["steps"]
        (laid_out,) = qwen_rows(tokenizer, "m", row["problem"], steps)
        ends = [-1, *laid_out.marks]
        texts = [tokenizer.decode(laid_out.ids[a + 1 : b]) for a, b in pairwise(ends)]
        assert texts[0].endswith(f"{row['problem']}<|im_end|>\n<|im_start|>assistant\n{steps[0]}")
        assert texts[1:] == steps[1:]


def test_skywork_has_one_newline_per_step_of_the_same_solutions(scored: list[dict[str, Any]], skywork: Any) -> None:
    newline = skywork.tokenizer("\n", add_special_tokens=False)["input_ids"][-1]
    for row in scored[:100]:
        (steps,) = row["steps"]
        (laid_out,) = newline_rows(skywork.tokenizer, "One line", steps)
        assert [p for p, token in enumerate(laid_out.ids) if token == newline][1:] == laid_out.marks
        assert len(laid_out.marks) == len(steps)


def test_rlhflow_scores_are_one_per_turn_where_the_publisher_split_as_its_steps_say(
    scored: list[dict[str, Any]], rlhflow: Any
) -> None:
    aligned = [row for row in scored if len(row["steps"][0]) == len(row[f"{RLHFLOW}scores"][0])]
    assert len(aligned) == 406
    for row in aligned[:60]:
        (laid_out,) = plus_turn_rows(rlhflow.tokenizer, "m", row["problem"], row["steps"][0])
        assert len(laid_out.marks) == len(row[f"{RLHFLOW}scores"][0])


@pytest.mark.parametrize("aggregate", ["mean", "min", "product"])
@pytest.mark.parametrize("model", [QWEN, RLHFLOW])
def test_rewards_of_solutions_follow_from_those_of_steps_as_published(
    scored: list[dict[str, Any]], model: str, aggregate: Any
) -> None:
    for row in scored:
        ours = solution_reward(row[f"{model}scores"][0], aggregate)
        assert ours == pytest.approx(row[f"{model}{aggregate}"][0], rel=1e-6)


def test_math_shepherd_scores_are_one_per_sub_step(judged: list[dict[str, Any]], math_shepherd: Any) -> None:
    mark = math_shepherd.tokenizer.convert_tokens_to_ids("▁ки")
    for row in judged:
        lines = [part for step in row["solution"]["model_output_step_format"] for part in step]
        laid_out = marked_lines(math_shepherd.tokenizer, "m", numbered(lines), mark)
        assert len(laid_out.marks) == len(row["shepherd"]["scores"])


def macro_f1(pairs: list[tuple[bool, bool]]) -> float:
    """Mean of the F1 of both classes over (expected, found) pairs."""
    scores = []
    for kind in (True, False):
        hits = sum(expected is kind and found is kind for expected, found in pairs)
        scores.append(2 * hits / (sum(e is kind for e, _ in pairs) + sum(f is kind for _, f in pairs)))
    return sum(scores) / 2


@pytest.mark.parametrize(
    ("model", "solution_f1", "step_f1"), [("shepherd", 0.701, 0.600), ("reasoneval", 0.786, 0.739)]
)
def test_first_errors_at_threshold_one_half_give_the_published_macro_f1(
    judged: list[dict[str, Any]], model: str, solution_f1: float, step_f1: float
) -> None:
    solutions, steps = [], []
    for row in judged:
        scores = row[model]["scores"]
        parts = [value if isinstance(value, float) else value[1] + value[2] for value in scores]
        rewards, taken = [], 0
        for step in row["solution"]["model_output_step_format"]:
            rewards.append(min(parts[taken : taken + len(step)]))
            taken += len(step)
        assert taken == len(parts)
        marked = row["solution"]["model_output_solution_first_error_step"]
        label = -1 if marked == "N/A" else int(marked) - 1
        solutions.append((label != -1, first_error(rewards) != -1))
        judged_steps = range(len(rewards)) if label == -1 else range(label + 1)
        steps += [(t == label, rewards[t] < 0.5) for t in judged_steps]
    assert len(solutions) == 159
    assert macro_f1(solutions) == pytest.approx(solution_f1, abs=5e-4)
    assert macro_f1(steps) == pytest.approx(step_f1, abs=5e-4)
