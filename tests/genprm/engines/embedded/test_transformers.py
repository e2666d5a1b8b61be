"""What is particular to the embedded engine: architectures, failures, names of models."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from genprm.engines import open_engine, resolve_model
from genprm.engines.base import EngineError, Sampling
from genprm.records import Message
from genprm.settings import EngineSettings

SETTINGS = EngineSettings(backend="transformers", max_context=256, max_batch=8)


def greedy(path: str, prompt: str, tokens: int) -> str:
    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False)
    return tokenizer.decode([token for token in out[0, ids.shape[1] :].tolist() if token != tokenizer.eos_token_id])


@pytest.mark.parametrize(
    "options",
    [
        {"kv_heads": 4},
        {"kv_heads": 1},
        {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1},
    ],
    ids=["own key and value per head", "one key and value for all heads", "sliding window"],
)
async def test_kinds_of_attention(make_model: Callable[..., str], options: dict[str, object]) -> None:
    path = make_model(seed=1, **options)
    engine = open_engine(path, SETTINGS)
    prompts = ["Sam", "Step 1: Sam has 5 keys. Step 2: Sam gives Tom 3 keys, 5 - 3 = 2 keys.", "naïve café"]
    jobs = [engine.complete(prompt, Sampling(max_tokens=25, temperature=0.0)) for prompt in prompts]
    for prompt, (completion,) in zip(prompts, await asyncio.gather(*jobs), strict=True):
        assert completion.text == greedy(path, prompt, 25)
    await engine.close()


async def test_rows_that_come_and_go_do_not_disturb_one_another(model: str) -> None:
    """More requests than rows, arriving in waves, of very different lengths: every text is as if alone."""
    engine = open_engine(model, SETTINGS)
    draw = random.Random(0)
    prompts = ["Sam has 5 keys. " * draw.randint(1, 8) + "x" * draw.randint(0, 9) for _ in range(60)]
    alone = [(await engine.complete(p, Sampling(max_tokens=1 + i % 30, seed=i)))[0] for i, p in enumerate(prompts)]

    async def late(i: int, prompt: str) -> object:
        await asyncio.sleep(draw.random() * 0.2)
        return (await engine.complete(prompt, Sampling(max_tokens=1 + i % 30, seed=i)))[0]

    assert await asyncio.gather(*(late(i, prompt) for i, prompt in enumerate(prompts))) == alone
    await engine.close()


async def test_a_crash_fails_every_request_with_its_cause(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_engine(model, SETTINGS)
    await engine.complete("Sam", Sampling(max_tokens=1))

    def explode(self: object) -> None:
        raise MemoryError("no more")

    monkeypatch.setattr("genprm.engines.embedded.batch.Batch.step", explode)
    running = [engine.complete("Sam", Sampling(max_tokens=50, seed=i), n=3) for i in range(20)]
    for result in await asyncio.wait_for(asyncio.gather(*running, return_exceptions=True), 30):
        assert isinstance(result, EngineError)
        assert "died: MemoryError: no more" in str(result)
    with pytest.raises(EngineError, match="MemoryError") as raised:
        await engine.complete("Sam", Sampling(max_tokens=1))
    assert isinstance(raised.value.__cause__, MemoryError)
    await engine.close()


async def test_requests_of_an_abandoned_event_loop_do_not_hurt(model: str) -> None:
    engine = open_engine(model, SETTINGS)

    def abandon() -> None:
        loop = asyncio.new_event_loop()
        task = loop.create_task(engine.complete("Sam", Sampling(max_tokens=200), n=8))
        loop.run_until_complete(asyncio.sleep(0.05))
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.close()

    await asyncio.to_thread(abandon)
    assert (await asyncio.wait_for(engine.complete("Sam", Sampling(max_tokens=3)), 30))[0].tokens <= 3
    await engine.close()


async def test_an_empty_prompt_is_refused(model: str) -> None:
    engine = open_engine(model, SETTINGS)
    with pytest.raises(EngineError, match="empty"):
        await engine.complete("", Sampling(max_tokens=3))
    await engine.close()


def test_names_of_models(model: str, tmp_path: Path) -> None:
    assert resolve_model(model) == model
    assert resolve_model("Qwen/Qwen2.5-7B-Instruct") == "Qwen/Qwen2.5-7B-Instruct"
    with pytest.raises(EngineError, match="'miniature/nobody' is not shipped"):
        resolve_model("miniature/nobody")
    with pytest.raises(EngineError, match=r"lacks config\.json, tokenizer\.json"):
        resolve_model(str(tmp_path))
    with pytest.raises(EngineError, match="no such directory"):
        resolve_model(str(tmp_path / "missing"))
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(EngineError, match=r"lacks \*\.safetensors or pytorch_model"):
        resolve_model(str(tmp_path))


def test_a_broken_model_is_named(model: str, tmp_path: Path) -> None:
    for file in Path(model).iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "config.json").write_text('{"model_type": "no-such-thing"}')
    with pytest.raises(EngineError, match="cannot be loaded"):
        open_engine(str(tmp_path), SETTINGS)


async def test_a_thought_that_the_template_opens_belongs_to_turns_that_begin_with_nothing_else(
    make_model: Callable[..., str],
) -> None:
    """Templates of reasoning models open a thought in their generation prompt; a judgement begins in none."""
    path = Path(make_model())
    template = (
        "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}"
        "{% if add_generation_prompt %}<assistant><think>\n{% endif %}"
    )
    (path / "chat_template.jinja").write_text(template)
    engine = open_engine(str(path), SETTINGS)
    assert engine.render([Message("user", "step")], prefill="<analyze>\n") == "<user>step<assistant><analyze>\n"
    assert engine.render([Message("user", "step")], prefill="") == "<user>step<assistant><think>\n"
    begun = [Message("user", "step"), Message("assistant", "Fine")]
    assert engine.render(begun, prefill="") == "<user>step<assistant>Fine"
    await engine.close()


async def test_a_template_that_drops_what_the_assistant_said_is_refused(make_model: Callable[..., str]) -> None:
    path = Path(make_model())
    (path / "chat_template.jinja").write_text("{% for m in messages %}<{{ m['role'] }}>{% endfor %}")
    engine = open_engine(str(path), SETTINGS)
    with pytest.raises(EngineError, match="does not render an assistant turn"):
        engine.render([Message("user", "step")], prefill="<analyze>\n")
    await engine.close()
