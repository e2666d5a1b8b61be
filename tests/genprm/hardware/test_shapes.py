"""Sizes of models against published counts and against PEFT's own."""

from __future__ import annotations

from typing import Any

import pytest

from genprm.hardware.published import published_config
from genprm.hardware.shapes import ModelShape, shape_of
from genprm.settings import LoraSettings


def published(model: str) -> ModelShape:
    return shape_of(published_config(model))


@pytest.mark.parametrize(
    ("model", "billions"),
    [
        # Qwen2.5 technical report (arXiv 2412.15115) and model cards; QwQ: 32.5B, and 32.8B as the hub counts.
        ("Qwen/Qwen2.5-Math-1.5B", 1.54),
        ("Qwen/Qwen2.5-Math-7B-Instruct", 7.62),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B", 1.78),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", 7.62),
        ("Qwen/QwQ-32B", 32.8),
        # Qwen3 technical report (arXiv 2505.09388) and model cards: 4.02B and 8.19B.
        ("Qwen/Qwen3-4B", 4.02),
        ("Qwen/Qwen3-8B", 8.19),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", 0.135),
    ],
)
def test_parameters_are_as_many_as_was_published(model: str, billions: float) -> None:
    assert published(model).parameters / 1e9 == pytest.approx(billions, rel=0.005)


def test_a_token_of_qwen_7b_takes_57_kilobytes_of_keys_and_values() -> None:
    """28 layers x 4 heads x 128 numbers, a key and a value, two bytes each."""
    assert 2 * published("Qwen/Qwen2.5-7B-Instruct").kv_numbers == 28 * 4 * 128 * 2 * 2 == 57_344


def test_a_tied_head_has_no_parameters_of_its_own() -> None:
    tied, untied = (
        published(f"{name}-1.5B") for name in ("Qwen/Qwen2.5-Math", "deepseek-ai/DeepSeek-R1-Distill-Qwen")
    )
    assert (tied.tied, untied.tied) == (True, False)
    assert untied.parameters - tied.parameters == untied.embedding == 151_936 * 1536


def test_a_layer_of_qwen_7b_by_hand() -> None:
    """Four matrices of attention, three of them with a bias, three of the MLP, and two norms."""
    hidden, keys, wide = 3584, 4 * 128, 18944
    attention = 2 * hidden * hidden + 2 * hidden * keys + hidden + 2 * keys
    assert published("Qwen/Qwen2.5-Math-7B").block == attention + 3 * hidden * wide + 2 * hidden


def tiny() -> Any:
    from transformers import LlamaConfig

    sizes = {"hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 3, "vocab_size": 500}
    return LlamaConfig(**sizes, num_attention_heads=4, num_key_value_heads=2)


@pytest.mark.parametrize("modules", [("all-linear",), ("q_proj", "down_proj")])
def test_an_adapter_is_as_large_as_peft_makes_it(modules: tuple[str, ...]) -> None:
    from transformers import AutoModelForCausalLM

    from genprm.training.lora import with_adapter

    settings = LoraSettings(rank=8, modules=modules)
    adapted = with_adapter(AutoModelForCausalLM.from_config(tiny()), settings, seed=0)
    trained = sum(weight.numel() for weight in adapted.parameters() if weight.requires_grad)
    assert shape_of(tiny()).adapter(settings) == trained


def test_a_body_that_classifies_has_no_head_for_the_vocabulary() -> None:
    whole, body = shape_of(tiny()), shape_of(tiny(), generative=False)
    assert whole.parameters - body.parameters == 500 * 64 - (2 * 64 + 2)


def test_random_numbers_are_drawn_as_if_nothing_had_been_counted() -> None:
    import torch

    torch.manual_seed(0)
    drawn = torch.rand(3)
    torch.manual_seed(0)
    shape_of(tiny())
    assert torch.equal(torch.rand(3), drawn)
