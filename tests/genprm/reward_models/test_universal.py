"""Universal-PRM: a forward pass per prefix, read at its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from genprm.engines.base import EngineError
from genprm.reward_models.universal import load_universal
from genprm.settings import EngineSettings

PROBLEM = "Sam has 3 keys and buys 4 more. How many keys has Sam?"
STEPS = ["Sam buys 4 keys.", "3 + 4 = 8 keys.", "The answer is \\boxed{8}."]


def prefix_ids(tokenizer: Any, count: int) -> list[int]:
    question = f"{PROBLEM}\n\n###\n\nThe reference answer is: There is no reference answer for this question."
    chat = (
        f"<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n{question}<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    answer = "\n\n".join(STEPS[:count]) + "\n\n"
    parts = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in (chat, answer)]
    return [*parts[0], *parts[1], tokenizer.eos_token_id]


async def test_each_prefix_is_scored_at_its_last_token(universal: Any, settings: EngineSettings) -> None:
    score = await load_universal(universal.path, settings).score(PROBLEM, STEPS)

    head = {name.removeprefix("score."): tensor.double() for name, tensor in universal.head.items()}
    expected, read = [], 0
    for count in (1, 2, 3):
        ids = prefix_ids(universal.tokenizer, count)
        inner = torch.clamp(head["0.weight"] @ universal.state(ids) + head["0.bias"], min=0)
        expected.append(float(torch.sigmoid(head["2.weight"][0] @ inner + head["2.bias"][0])))
        read += len(ids)
    assert score.rewards == pytest.approx(expected, abs=1e-5)
    assert score.prompt_tokens == read


async def test_a_head_of_one_layer_is_read_as_well(universal: Any, copied: Any, settings: EngineSettings) -> None:
    weight = torch.randn(1, 32, generator=torch.Generator().manual_seed(3))
    place = copied(universal)
    replace_head(place, {"score.weight": weight})
    score = await load_universal(str(place), settings).score(PROBLEM, STEPS[:1])
    state = universal.state(prefix_ids(universal.tokenizer, 1))
    assert score.rewards == pytest.approx([float(torch.sigmoid(weight[0].double() @ state))], abs=1e-5)


def test_a_head_of_another_shape_is_refused_with_what_was_found(
    universal: Any, copied: Any, settings: EngineSettings
) -> None:
    place = copied(universal)
    replace_head(place, {"score.gate.weight": torch.zeros(4, 32)})
    with pytest.raises(EngineError, match=r"holds \{'gate.weight': \(4, 32\)\}, expected"):
        load_universal(str(place), settings)


def replace_head(place: Path, head: dict[str, torch.Tensor]) -> None:
    path = place / "model.safetensors"
    body = {name: tensor for name, tensor in load_file(path).items() if not name.startswith("score.")}
    save_file(body | head, path, metadata={"format": "pt"})
    assert json.loads((place / "config.json").read_text())["model_type"] == "qwen2"
