"""Going on from what was computed before changes nothing but the work: conversations with and without it."""

from __future__ import annotations

import asyncio
import random

import pytest

from genprm.engines.base import Completion, Sampling
from genprm.engines.embedded.transformers import TransformersEngine
from genprm.settings import EngineSettings

PIECES = [
    "Sam has 5 keys. ",
    "<analyze>",
    "</analyze>\n",
    "数学 🙂",
    "\n[Code Output] 14 False\n",
    "Tom",
    "x = 3\n",
]
PROBLEMS = ["Step 1: Sam gives Tom 3 keys. ", "Step 1: Sam gives Sam 9 keys. ", "user: "]


async def talk(engine: TransformersEngine, seed: int) -> list[Completion]:
    """An append-only conversation of a random course: turns, most of them greedy, with text put in between."""
    draw = random.Random(seed)
    text, said = draw.choice(PROBLEMS), []
    for _ in range(5):
        text += "".join(draw.choices(PIECES, k=draw.randint(0, 3)))
        temperature = draw.choice((0.0, 0.0, 0.7))
        sampling = Sampling(draw.randint(1, 12), temperature, seed=seed, stop=("keys",), logprobs=5)
        (completion,) = await engine.complete(text, sampling)
        said.append(completion)
        text += completion.text
    return said


async def talks(model: str, megabytes: float, count: int = 60) -> tuple[list[list[Completion]], int, int]:
    """The conversations, prompt tokens seen and prompt tokens reused."""
    settings = EngineSettings(backend="transformers", dtype="float32", max_context=512, max_batch=16)
    engine = TransformersEngine(model, settings)
    assert engine._batch is not None
    # In single precision the shape of a batch, a matter of timing, would now and then tip a near tie.
    engine._model.double()
    engine._batch.prefixes.limit = int(megabytes * 2**20)
    said = await asyncio.gather(*(talk(engine, seed) for seed in range(count)))
    counts = engine.prompt_tokens_seen, engine.prefix_tokens_reused
    await engine.close()
    return said, *counts


@pytest.mark.parametrize("megabytes", [64, 0.05], ids=["all kept", "much forgotten"])
async def test_conversations_are_the_same_with_and_without_reuse(model: str, megabytes: float) -> None:
    plain, _, _ = await talks(model, 0)
    reusing, seen, reused = await talks(model, megabytes)
    assert seen > reused > 0
    for conversation, same in zip(plain, reusing, strict=True):
        for expected, got in zip(conversation, same, strict=True):
            assert (got.text, got.tokens, got.finish_reason) == (
                expected.text,
                expected.tokens,
                expected.finish_reason,
            )
            for top, expected_top in zip(got.top_logprobs, expected.top_logprobs, strict=True):
                assert dict(top) == pytest.approx(dict(expected_top), abs=2e-4)


async def test_a_conversation_reads_only_what_was_put_in(model: str) -> None:
    engine = TransformersEngine(model, EngineSettings(backend="transformers", dtype="float32", max_context=512))
    ids = engine._tokenizer.prompt
    text = "<|im_start|>user\nSam has 5 keys.<|im_end|>\n"
    (first,) = await engine.complete(text, Sampling(8, 0.0))
    assert (engine.prompt_tokens_seen, engine.prefix_tokens_reused) == (len(ids(text)), 0)
    await engine.complete(text, Sampling(8, 0.0))
    # The last token of a prompt is always read: its prediction is what is asked for.
    assert engine.prefix_tokens_reused == len(ids(text)) - 1
    again = text + first.text + "<|im_end|>\n"
    before = engine.prefix_tokens_reused
    await engine.complete(again, Sampling(1, 0.0))
    assert engine.prefix_tokens_reused - before >= len(ids(text))
    assert engine.prompt_tokens_seen == 2 * len(ids(text)) + len(ids(again))
    await engine.close()
