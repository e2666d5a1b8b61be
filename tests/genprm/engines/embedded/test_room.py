"""Little room for keys and values: sequences wait, or leave and come back, and the text is the same."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial
from math import exp
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from genprm.engines import open_engine, resolve_model
from genprm.engines.base import Completion, Sampling
from genprm.engines.embedded.batch import Batch, Decoding
from genprm.engines.embedded.slots import ATTENTION, Slots
from genprm.engines.fit import room_for_tokens
from genprm.engines.loading import load_config, load_network
from genprm.engines.tokenizer import ModelTokenizer
from genprm.hardware.devices import Device
from genprm.hardware.memory import GIB
from genprm.settings import EngineSettings

SETTINGS = EngineSettings(backend="transformers", max_context=512, max_batch=40, prefix_cache_mb=16)
BYTES_OF_A_TOKEN = 2 * 6 * 4 * 32 * 4
"""Keys and values, layers, heads, size of a head, float32: of the miniature."""


def decoded(model: str, kept: int, room: int | None) -> tuple[list[Completion], int]:
    """Twelve sequences, and how often one had to leave. They are sampled and greedy, with log-probabilities and
    without, and have 20 to 75 tokens."""
    tokenizer = ModelTokenizer(model, 512)
    network = load_network(AutoModelForCausalLM, model, dtype=torch.float32, attn_implementation=ATTENTION).eval()
    batch, done, left = Batch(network, tokenizer, 12, kept, room), dict[int, Completion](), 0
    waiting = deque(decoding(n, partial(done.__setitem__, n)) for n in range(12))
    with torch.inference_mode():
        while waiting or len(batch):
            joining: list[Decoding] = []
            while waiting and batch.has_room([*joining, waiting[0]]):
                joining.append(waiting.popleft())
            if joining:
                batch.join(joining)
            batch.step()
            left += len(batch.displaced)
            waiting.extendleft(batch.displaced)
            batch.displaced.clear()
    return [done[n] for n in range(12)], left


def decoding(n: int, done: Any) -> Decoding:
    limit = 20 + 5 * n
    sampling = Sampling(temperature=n % 3 / 2, seed=n, logprobs=5 * (n % 2), top_p=0.9, max_tokens=limit)
    return Decoding(tuple(range(20, 28 + n % 4)), sampling, 0, limit, lambda: False, done)


def seen(completions: Sequence[Completion]) -> list[tuple[object, ...]]:
    """Everything of them, with probabilities to six digits: that many do not depend on a token's company."""
    return [
        (
            one.text,
            one.tokens,
            one.finish_reason,
            one.prompt_tokens,
            [probabilities(top) for top in one.top_logprobs],
        )
        for one in completions
    ]


def probabilities(top: dict[str, float]) -> dict[str, float]:
    return {token: chance for token, value in top.items() if (chance := round(exp(value), 6))}


@pytest.mark.parametrize("kept", [0, 2**20])
def test_a_sequence_that_leaves_goes_on_where_it_was(model: str, kept: int) -> None:
    expected, never = decoded(model, kept, room=None)
    found, often = decoded(model, kept, room=128)
    assert never == 0
    assert often >= 5
    assert seen(found) == seen(expected)


def test_requests_wait_for_room(model: str) -> None:
    """1 MiB has room for 4,096 of some 8,000 tokens."""

    async def run(settings: EngineSettings) -> list[Completion]:
        engine = open_engine(model, settings)
        try:
            requests = [
                engine.complete(f"{n}: {'x + 1 = ' * 50}", Sampling(max_tokens=8, seed=n)) for n in range(40)
            ]
            return [completion for (completion,) in await asyncio.gather(*requests)]
        finally:
            await engine.close()

    expected = asyncio.run(run(SETTINGS))
    assert sum(one.prompt_tokens for one in expected) > 6000
    assert asyncio.run(run(SETTINGS.model_copy(update={"kv_cache_mb": 1}))) == expected


def test_buffers_stay_within_their_room_and_keep_what_they_hold() -> None:
    slots = Slots(most=8, context=512, room=256)
    slots.fit(1, 16)
    slots.keys[0] = torch.arange(16.0).view(1, 1, 16, 1)
    for count, columns in ((2, 32), (4, 40), (4, 64), (2, 100), (2, 128), (1, 200), (8, 32)):
        slots.fit(count, columns)
        rows, _, width, _ = slots.keys[0].shape
        assert rows >= count
        assert width >= columns
        assert rows * width <= 256
        assert slots.keys[0][0, 0, :16, 0].tolist() == list(range(16))


class Network:
    """What is asked of a network: its sizes, its format and its device."""

    dtype = torch.float32

    def __init__(self, device: str) -> None:
        self.config = load_config(resolve_model("miniature/rationale"))
        self.device = torch.device(device)


def test_room_is_what_is_asked_for_and_a_whole_context_at_least() -> None:
    assert room_for_tokens(Network("cpu"), SETTINGS) is None
    for megabytes, tokens in ((6, 1024), (1, 512)):
        asked = SETTINGS.model_copy(update={"kv_cache_mb": megabytes})
        assert room_for_tokens(Network("cpu"), asked) == tokens


def test_on_a_gpu_room_is_what_the_weights_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine tenths of 2 GiB, without 16 MiB of cache and what a pass over 16,384 tokens of prompts takes."""
    monkeypatch.setattr("genprm.engines.fit.devices_here", lambda: [Device("card", 24 * GIB, 2 * GIB)])
    work = 16384 * (3 * 384 + 4 * 128 + 2 * 32) * 4
    expected = (0.9 * 2 * GIB - 16 * 2**20 - work) / BYTES_OF_A_TOKEN
    assert room_for_tokens(Network("cuda"), SETTINGS) == int(expected)
