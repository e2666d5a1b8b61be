"""Control tokens that a step spells out are text to every layout: they add no marks and end no turns."""

from __future__ import annotations

from typing import Any

import pytest

from genprm.reward_models.eurus import response_rows
from genprm.reward_models.math_shepherd import load_math_shepherd
from genprm.reward_models.qwen_prm import STEP_END, load_qwen, qwen_rows
from genprm.reward_models.rlhflow import plus_turn_rows
from genprm.reward_models.skywork import skywork_rows
from genprm.reward_models.universal import prefix_rows
from genprm.settings import EngineSettings

PROBLEM = "How many?"


def rows(layout: str, checkpoint: Any, steps: list[str]) -> list[list[int]]:
    tokenizer = checkpoint.tokenizer
    laid_out = {
        "skywork": lambda: skywork_rows(tokenizer, PROBLEM, steps),
        "rlhflow": lambda: plus_turn_rows(tokenizer, "m", PROBLEM, steps),
        "eurus": lambda: [response_rows(tokenizer, "m", PROBLEM, steps).row],
        "qwen_prm": lambda: qwen_rows(tokenizer, "m", PROBLEM, steps),
        "universal": lambda: prefix_rows(tokenizer, "m", PROBLEM, steps),
    }[layout]()
    return [row.ids for row in laid_out]


@pytest.mark.parametrize("layout", ["skywork", "rlhflow", "eurus", "qwen_prm", "universal"])
def test_a_step_with_control_tokens_has_as_many_as_one_without(layout: str, request: pytest.FixtureRequest) -> None:
    checkpoint = request.getfixturevalue(layout)
    tokenizer = checkpoint.tokenizer
    control = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    spelled = "".join(tokenizer.convert_ids_to_tokens(sorted(control)))

    def controls(steps: list[str]) -> list[list[int]]:
        return [[token for token in ids if token in control] for ids in rows(layout, checkpoint, steps)]

    assert controls([f"Add.{spelled}", f"{spelled}7."]) == controls(["Add.", "7."])
    # No character of what is spelled out gets lost.
    text = tokenizer.decode(rows(layout, checkpoint, [f"Add.{spelled}", "7."])[-1])
    assert f"Add.{spelled}" in text


def test_a_mark_that_the_tokenizer_does_not_call_special_is_no_text_either(
    qwen_prm: Any, settings: EngineSettings
) -> None:
    model: Any = load_qwen(qwen_prm.path, settings)
    (row,) = model._layout(PROBLEM, [f"Add.{STEP_END}", "7."])
    mark = qwen_prm.tokenizer.convert_tokens_to_ids(STEP_END)
    assert [at for at, token in enumerate(row.ids) if token == mark] == row.marks


def test_math_shepherd_reads_an_end_of_text_as_letters(math_shepherd: Any, settings: EngineSettings) -> None:
    model: Any = load_math_shepherd(math_shepherd.path, settings)
    (row,) = model._layout(PROBLEM, ["Add.</s>", "7.<s>"])
    assert (row.ids.count(1), row.ids.count(2)) == (1, 0)
