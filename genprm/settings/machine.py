"""How work is done on a machine: engine, sandbox, tracking, runner. No result depends on these."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from genprm.settings.base import Section

LIVE_PATHS = 256
"""Verification paths judged at a time unless set; the sandbox keeps as many interpreters alive."""


class EngineSettings(Section):
    """How text is generated."""

    backend: Literal["transformers", "vllm", "openai"] = "vllm"
    max_in_flight: Annotated[int, Field(ge=1)] = 256
    """Requests that the engine works on at a time; the others wait."""
    live_paths: Annotated[int, Field(ge=1)] = LIVE_PATHS
    """Verification paths judged at a time; the others wait. Each holds an interpreter and a place in caches."""
    replicas: Annotated[int, Field(ge=1, le=64)] = 1
    """Copies of the model at work, each in a process, on a core or a GPU, of its own (backend transformers)."""
    max_batch: Annotated[int, Field(ge=1)] = 256
    """Rows decoded together (backends transformers and vllm)."""
    prefix_cache_mb: Annotated[int, Field(ge=0)] = 512
    """Memory for the keys and values of finished requests, from which later ones go on (backend transformers; vllm
    keeps them within `kv_cache_mb`). With 0 no prompt goes on from another, in either."""
    kv_cache_mb: Annotated[int, Field(ge=1)] | None = None
    """Memory for all keys and values (backend vllm). When empty: what vLLM takes of a GPU, 4 GiB on a CPU."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    max_context: Annotated[int, Field(ge=64)] = 16384
    url: str | None = None
    """Address of the completions server (backend openai), such as `http://localhost:8000/v1`."""
    served_model: str | None = None
    """Name under which the server serves the model, where it is not the model's own (backend openai)."""
    request_seconds: Annotated[float, Field(gt=0.0)] = 600.0
    """Time that the server may take to answer one request (backend openai)."""
    attempts: Annotated[int, Field(ge=1)] = 6
    """How often a request is made before the server is given up, with growing waits between (backend openai)."""

    @model_validator(mode="after")
    def _only_the_embedded_engine_is_copied(self) -> EngineSettings:
        if self.replicas > 1 and self.backend != "transformers":
            raise ValueError(f"engine.replicas is {self.replicas}, allowed with backend {self.backend!r}: 1")
        return self


class SandboxSettings(Section):
    """How model-written code is run."""

    level: Annotated[int, Field(ge=0, le=3)] | None = None
    """Isolation level asked for; the best that the machine has when empty. 3 and 0 only when asked for."""
    docker: str | None = None
    """Image of the containers that code runs in, at level 2; on this machine itself when empty."""
    seconds: Annotated[float, Field(gt=0.0)] = 5.0
    """CPU time of one block, so that no other work on the machine decides how it ends."""
    import_seconds: Annotated[float, Field(ge=0.0)] = 20.0
    """CPU time that imports of installed modules may take in one block, beside `seconds`."""
    wall_factor: Annotated[float, Field(ge=1.0)] = 6.0
    """Time after which a block is stopped whatever it waits for, in units of `seconds`."""
    echo_last: bool = False
    """Show the value of an expression that a block ends with, as a notebook does; published models see what was
    printed alone."""
    show_stderr: bool = False
    """Show what a block writes to stderr (warnings, tracebacks) among its output; published models do not see
    that."""
    memory_mb: Annotated[int, Field(ge=64)] = 1024
    output_bytes: Annotated[int, Field(ge=64)] = 65536
    scratch_mb: Annotated[int, Field(ge=1)] = 16
    """Size of a session's scratch directory in memory, which there is at level 1 alone."""
    scratch_files: Annotated[int, Field(ge=1)] = 1000
    """Files and directories in it."""
    preload: tuple[str, ...] = ("sympy", "numpy", "scipy.optimize", "scipy.integrate")
    """Modules that every session has loaded from the start; others are imported when a block asks for them. Those
    of scipy cost each session 2 ms more to fork, and save the first block that imports them most of a second."""
    workers: Annotated[int, Field(ge=1)] = 2


class TrackingSettings(Section):
    """Where runs are recorded. Empty means SQLite under the project's home directory."""

    uri: str | None = None
    experiment: str = "genprm"


class RunnerSettings(Section):
    """How `genprm run` spreads work over this machine."""

    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes that materialize partitions at the same time; each opens its own engine."""
