"""The peak of live tensors of the embedded engine, by torch's own count of what is allocated and freed."""

from __future__ import annotations

import random
from pathlib import Path

from genprm.engines.base import Sampling
from genprm.hardware.inference_memory import Load
from genprm.settings import EngineSettings
from tests.genprm.hardware.live_tensors import held, most_allocated


def inference_peak(model: Path, settings: EngineSettings, load: Load) -> int:
    """Bytes at the worst moment of a load of random prompts, each of them answered to the end."""
    import torch
    from torch.profiler import ProfilerActivity, profile
    from transformers import AutoModelForCausalLM

    from genprm.engines.embedded.batch import Batch, Decoding
    from genprm.engines.embedded.slots import ATTENTION
    from genprm.engines.loading import load_network
    from genprm.engines.tokenizer import ModelTokenizer

    torch.set_num_threads(1)
    tokenizer = ModelTokenizer(str(model), settings.max_context)
    tokenizer.ends = frozenset()  # so that every row is answered to its end
    number = getattr(torch, settings.dtype)
    network = load_network(AutoModelForCausalLM, str(model), dtype=number, attn_implementation=ATTENTION).eval()
    batch = Batch(network, tokenizer, settings.max_batch, settings.prefix_cache_mb * 2**20)
    chance, written = random.Random(0), load.context - load.prompt
    asked = []
    for row in range(load.rows):
        prompt = tuple(chance.randrange(tokenizer.size) for _ in range(load.prompt))
        sampling = Sampling(max_tokens=written, seed=row)
        asked.append(Decoding(prompt, sampling, 0, written, lambda: False, lambda _: None))
    before = sum(held(weight) for weight in network.parameters())
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled, torch.inference_mode():
        batch.join(asked)
        while len(batch):
            batch.step()
    return before + most_allocated(profiled)
