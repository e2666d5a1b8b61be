"""An engine whose weights change goes on as one that was opened with the new ones."""

from __future__ import annotations

import asyncio

import pytest
import torch
from transformers import AutoModelForCausalLM

from genprm.engines.base import Completion, EngineError, Sampling
from genprm.engines.embedded.transformers import TransformersEngine
from genprm.settings import EngineSettings

SETTINGS = EngineSettings(backend="transformers", dtype="float32", max_context=512, max_batch=16)
PROMPTS = [f"Step 1: Sam gives Tom {n} keys. " for n in range(8)]


def answers(engine: TransformersEngine) -> list[tuple[str, list[float]]]:
    """What it says to each prompt, with the log-probabilities of that, rounded."""

    async def ask() -> list[list[Completion]]:
        sampling = Sampling(12, 0.0, logprobs=1)
        return await asyncio.gather(*(engine.complete(prompt, sampling) for prompt in PROMPTS))

    return [(one.text, [round(max(top.values()), 3) for top in one.top_logprobs]) for (one,) in asyncio.run(ask())]


def other_weights(model: str) -> dict[str, torch.Tensor]:
    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    generator = torch.Generator().manual_seed(0)
    return {
        name: tensor + 0.02 * torch.randn(tensor.shape, generator=generator)
        for name, tensor in network.state_dict().items()
    }


def test_nothing_of_the_old_weights_is_left(model: str) -> None:
    engine = TransformersEngine(model, SETTINGS)
    weights = other_weights(model)
    old = {name: tensor.clone() for name, tensor in engine._model.state_dict().items()}
    first = answers(engine)
    engine.take_weights(weights)
    assert engine._batch is not None
    assert engine._batch.prefixes.bytes == 0, "keys and values are of the old weights"
    second = answers(engine)
    assert second != first
    fresh = TransformersEngine(model, SETTINGS)
    fresh.take_weights(weights)
    assert answers(fresh) == second
    engine.take_weights(old)
    assert answers(engine) == first
    asyncio.run(engine.close())
    asyncio.run(fresh.close())


async def test_weights_do_not_change_under_a_request(model: str) -> None:
    engine = TransformersEngine(model, SETTINGS)
    request = asyncio.ensure_future(engine.complete(PROMPTS[0], Sampling(200)))
    await asyncio.sleep(0)
    with pytest.raises(EngineError, match="weights change between requests only"):
        engine.take_weights({})
    await request
    await engine.close()
    with pytest.raises(EngineError, match="is closed"):
        engine.take_weights({})
