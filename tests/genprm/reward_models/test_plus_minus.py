"""Math-Shepherd and RLHFlow: the reward is P(+) between + and - where the language head is due to answer."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from genprm.engines.base import EngineError
from genprm.reward_models.math_shepherd import load_math_shepherd
from genprm.reward_models.rlhflow import load_rlhflow
from genprm.settings import EngineSettings

PROBLEM = "Sam has 3 keys and buys 4 more. How many keys has Sam?"
STEPS = ["Sam buys 4 keys.", "3 + 4 = 8 keys.", "The answer is \\boxed{8}."]


def two_way(checkpoint: Any, ids: list[int], plus: int, minus: int) -> float:
    """P(+) between two tokens after `ids`, from the logits over the whole vocabulary."""
    logits = checkpoint.network.lm_head.weight.detach().double() @ checkpoint.state(ids)
    return float(torch.sigmoid(logits[plus] - logits[minus]))


async def test_math_shepherd_is_read_at_each_mark_of_the_text_that_its_card_writes(
    math_shepherd: Any, settings: EngineSettings
) -> None:
    score = await load_math_shepherd(math_shepherd.path, settings).score(PROBLEM, STEPS)

    tokenizer = math_shepherd.tokenizer
    text = f"{PROBLEM} " + "\n".join(f"Step {n}: {step} ки" for n, step in enumerate(STEPS, start=1))
    ids = tokenizer(text)["input_ids"]
    assert ids[0] == tokenizer.bos_token_id
    mark, plus, minus = (tokenizer.convert_tokens_to_ids(piece) for piece in ("▁ки", "▁+", "▁-"))
    marks = [position for position, token in enumerate(ids) if token == mark]
    expected = [two_way(math_shepherd, ids[: position + 1], plus, minus) for position in marks]
    assert len(expected) == 3
    assert score.rewards == pytest.approx(expected, abs=1e-5)
    assert score.prompt_tokens == len(ids)


async def test_rlhflow_is_read_where_each_answer_begins_with_every_earlier_answer_a_plus(
    rlhflow: Any, settings: EngineSettings
) -> None:
    score = await load_rlhflow(rlhflow.path, settings).score(PROBLEM, STEPS)

    tokenizer = rlhflow.tokenizer
    plus, minus = (tokenizer.convert_tokens_to_ids(sign) for sign in "+-")
    text, expected = "<|begin_of_text|>", []
    for index, step in enumerate(STEPS):
        user = f"{PROBLEM} {step}" if index == 0 else step
        text += f"<|start_header_id|>user<|end_header_id|>\n\n{user}<|eot_id|>"
        text += "<|start_header_id|>assistant<|end_header_id|>\n\n"
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        expected.append(two_way(rlhflow, ids, plus, minus))
        text += "+<|eot_id|>"
    assert score.rewards == pytest.approx(expected, abs=1e-5)
    assert len({round(reward, 4) for reward in expected}) == 3


async def test_a_sign_in_a_step_is_not_taken_for_an_answer(rlhflow: Any, settings: EngineSettings) -> None:
    score = await load_rlhflow(rlhflow.path, settings).score("1 + 1?", ["+", "1 + 1 = 2", "-"])
    assert len(score.rewards) == 3


def test_another_vocabulary_is_refused(rlhflow: Any, settings: EngineSettings) -> None:
    with pytest.raises(EngineError, match="no token '▁ки'; it is not the published one"):
        load_math_shepherd(rlhflow.path, settings)
