"""Shapes of the models that the shipped profiles name, so that a plan for them needs no network."""

from __future__ import annotations

from typing import Any, NamedTuple


class Published(NamedTuple):
    """The numbers of a config.json that decide how large a model is."""

    kind: str
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    intermediate_size: int
    vocab_size: int
    tie_word_embeddings: bool


_QWEN_7B = Published("qwen2", 3584, 28, 28, 4, 18944, 152064, False)
_QWEN_32B = Published("qwen2", 5120, 64, 40, 8, 27648, 152064, False)
_QWEN_SMALL = Published("qwen2", 1536, 28, 12, 2, 8960, 151936, True)

PUBLISHED = {
    "Qwen/Qwen2.5-Math-1.5B": _QWEN_SMALL,
    "Qwen/Qwen2.5-Math-1.5B-Instruct": _QWEN_SMALL,
    "Qwen/Qwen2.5-Math-7B": _QWEN_7B,
    "Qwen/Qwen2.5-Math-7B-Instruct": _QWEN_7B,
    "Qwen/Qwen2.5-7B-Instruct": _QWEN_7B,
    "Qwen/QwQ-32B": _QWEN_32B,
    "Qwen/Qwen3-4B": Published("qwen3", 2560, 36, 32, 8, 9728, 151936, True),
    "Qwen/Qwen3-8B": Published("qwen3", 4096, 36, 32, 8, 12288, 151936, False),
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B": _QWEN_SMALL._replace(tie_word_embeddings=False),
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B": _QWEN_7B,
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B": _QWEN_32B,
    "HuggingFaceTB/SmolLM2-135M-Instruct": Published("llama", 576, 30, 9, 3, 1536, 49152, True),
}
"""By id on the hub, from the config.json there; a test compares them with the published parameter counts."""


def published_config(model: str) -> Any | None:
    """The configuration of a model whose shape is known here; None for any other."""
    if model not in PUBLISHED:
        return None
    from transformers import AutoConfig

    values = PUBLISHED[model]._asdict()
    return AutoConfig.for_model(values.pop("kind"), **values)
