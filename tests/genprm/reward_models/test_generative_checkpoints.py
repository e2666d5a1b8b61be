"""Dyve and ThinkPRM from a checkpoint directory, on the engine that loads it: what is read are its own logits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from genprm.engines.base import EngineError
from genprm.settings import EngineSettings
from tests.genprm.reward_models.conftest import CHATML, QWEN_SPECIAL, byte_tokenizer, open_model, write_checkpoint

PROBLEM = "Sam has 3 keys."
STEPS = ["Sam buys 4 keys.", "3 + 4 = 8 keys."]
R1 = CHATML.replace("{% endif %}", "<think>\n{% endif %}")
"""As templates of R1-Distill do, it opens a thought in its generation prompt and in no finished turn."""
SIZES = EngineSettings(backend="transformers", dtype="float32", max_context=512)


BRIEFLY = "model.max_tokens=8"
"""Models of random weights would talk for ever."""


@pytest.fixture(scope="module")
def speaker(folder: Callable[[str], Path]) -> Callable[..., Any]:
    """A model of the R1-Distill architecture (Qwen2) that, whatever it reads, says one of `words`."""

    def make(name: str, words: list[str]) -> Any:
        tokenizer = byte_tokenizer(QWEN_SPECIAL, words, eos_token="<|im_end|>", chat_template=R1)
        spoken = [*tokenizer.convert_tokens_to_ids(words), tokenizer.eos_token_id]
        return write_checkpoint(folder(name), tokenizer, "Qwen2", spoken=spoken)

    return make


@pytest.mark.parametrize(("trained_here", "opened"), [(False, "<think>\n"), (True, "\nLet's verify step by step:")])
async def test_thinkprm_reads_yes_against_no_from_the_logits_behind_its_question(
    speaker: Any, copied: Any, trained_here: bool, opened: str
) -> None:
    """The published models were asked with the generation prompt; those trained here learnt from finished turns."""
    checkpoint = speaker("ThinkPRM-1.5B", ["yes", "no"])
    path = checkpoint.path
    if trained_here:
        place = copied(checkpoint)
        (place / "genprm.json").write_text('{"adapter": "thinkprm"}')
        path = str(place.rename(place.with_name("own")))
    model: Any = open_model(path, SIZES, 1, BRIEFLY)
    asked: list[str] = []
    complete = model.engine.complete

    async def recorded(prompt: str, sampling: Any, n: int = 1) -> Any:
        asked.append(prompt)
        return await complete(prompt, sampling, n)

    model.engine.complete = recorded
    score = await model.score(PROBLEM, STEPS)
    await model.engine.close()

    assert asked[0].startswith("<|im_start|>user\nYou are given a math problem")
    assert asked[0].endswith(f"<|im_end|>\n<|im_start|>assistant\n{opened}")
    ids = checkpoint.tokenizer(asked[-1], add_special_tokens=False)["input_ids"]
    logits = checkpoint.network.lm_head.weight.detach().double() @ checkpoint.state(ids)
    yes, no = (logits[checkpoint.tokenizer.convert_tokens_to_ids(word)] for word in ("yes", "no"))
    assert 0.01 < float(torch.sigmoid(yes - no)) < 0.99
    assert score.outcome == pytest.approx(float(torch.sigmoid(yes - no)), abs=1e-4)


async def test_dyve_says_what_the_model_finds_most_probable(speaker: Any) -> None:
    checkpoint = speaker("deepseek-r1-14b-cot-math-reasoning-full", ["+", "-"])
    model: Any = open_model(checkpoint.path, SIZES, 1, BRIEFLY)
    score = await model.score(PROBLEM, STEPS)
    await model.engine.close()

    ask = "Is this step correct? You must answer with '+' for correct or '-' for incorrect in the end of "
    ask += "your response."
    text = f"<|im_start|>user\nProblem: {PROBLEM}\n\nStep: {STEPS[0]}\n\n{ask}<|im_end|>\n"
    text += "<|im_start|>assistant\n<think>\n"
    ids = checkpoint.tokenizer(text, add_special_tokens=False)["input_ids"]
    said = greedy(checkpoint, ids)
    assert set(said) <= set("+-"), "the model says nothing else"
    assert score.rewards[0] == float(said.endswith("+"))


def greedy(checkpoint: Any, ids: list[int]) -> str:
    """The most probable token, eight times or to the end of the turn."""
    written: list[int] = []
    weight, cache, fed = checkpoint.network.lm_head.weight.detach().double(), None, ids
    while len(written) < 8:
        with torch.no_grad():
            out = checkpoint.network.base_model(torch.tensor([fed]), past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        token = int((weight @ out.last_hidden_state[0, -1].double()).argmax())
        if token == checkpoint.tokenizer.eos_token_id:
            break
        written.append(token)
        fed = [token]
    return str(checkpoint.tokenizer.decode(written))


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_gives_one_clear_line(speaker: Any, copied: Any, file: str) -> None:
    place = copied(speaker("ThinkPRM-7B", ["yes", "no"]))
    (place / file).unlink()
    with pytest.raises(EngineError, match=file.partition(".")[2]) as raised:
        open_model(str(place), SIZES)
    assert "\n" not in str(raised.value)
