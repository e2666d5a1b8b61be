"""How work is done on a machine: engine, sandbox, tracking, runner. No result depends on these."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from genprm.settings.base import Age, Section, several

LIVE_PATHS = 256
"""Verification paths judged at a time unless set; the sandbox keeps as many interpreters alive."""


Address = Annotated[str, Field(pattern=r"^https?://[^\s/]+")]
Addresses = Annotated[tuple[Address, ...], BeforeValidator(several), Field(min_length=1)]


class EngineSettings(Section):
    """How text is generated."""

    backend: Literal["transformers", "vllm", "openai"] = "vllm"
    max_in_flight: Annotated[int, Field(ge=1)] = 256
    """Requests that the engine works on at a time; the others wait."""
    live_paths: Annotated[int, Field(ge=1)] = LIVE_PATHS
    """Verification paths judged at a time; the others wait. Each path holds an interpreter and space in caches."""
    replicas: Annotated[int, Field(ge=1, le=64)] = 1
    """Copies of the model that work in parallel, each in its own process, on its own core or GPUs (backends
    transformers and vllm; for models in `servers` the addresses are the copies)."""
    tensor_parallel: Annotated[int, Age.ADDED, Field(ge=1, le=64)] = 1
    """GPUs that hold each copy of the model together (backend vllm)."""
    gpu_memory_utilization: Annotated[float | None, Age.ADDED, Field(gt=0.0, le=1.0)] = None
    """Share of a GPU's memory that vLLM may take; its own default when empty."""
    quantization: Annotated[str | None, Age.ADDED] = None
    """How vLLM quantises the weights, such as `fp8`; as the model's files say when empty."""
    max_batch: Annotated[int, Field(ge=1)] = 256
    """Rows decoded together (backends transformers and vllm)."""
    prefix_cache_mb: Annotated[int, Field(ge=0)] = 512
    """Memory for the keys and values of finished requests, which later requests reuse (backend transformers; vllm
    keeps them within `kv_cache_mb`). With 0, no prompt reuses a prefix, in either backend."""
    kv_cache_mb: Annotated[int, Field(ge=1)] | None = None
    """Memory for the keys and values of decoded rows (backends transformers and vllm); rows without room wait. When
    empty: what is free on a GPU; on a CPU 4 GiB for vllm, and no limit for transformers."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    max_context: Annotated[int, Field(ge=64)] = 16384
    url: str | None = None
    """Address of the completions server (backend openai), such as `http://localhost:8000/v1`."""
    servers: Annotated[dict[str, Addresses], Age.ADDED] = Field(default_factory=dict)
    """Addresses of the servers of each model, for several models. The keys are models as the profile names them, or
    keys of checkpoints that a run makes. Models without an address are opened by `backend` on this machine; with
    backend openai they are refused. Used in place of `url` and `served_model`."""
    served_model: str | None = None
    """Name under which the server serves the model, where it is not the model's own (backend openai)."""
    request_seconds: Annotated[float, Field(gt=0.0)] = 600.0
    """Time that the server may take to answer one request (backend openai)."""
    attempts: Annotated[int, Field(ge=1)] = 6
    """How often a request is tried before the server is given up, with growing waits in between (backend
    openai)."""

    @model_validator(mode="after")
    def _fits_the_backend(self) -> EngineSettings:
        if self.replicas > 1 and self.backend == "openai":
            raise ValueError(
                f"engine.replicas is {self.replicas}, allowed with backend 'openai': 1, and several addresses of a "
                f"model in engine.servers"
            )
        for name in ("tensor_parallel", "gpu_memory_utilization", "quantization"):
            value = getattr(self, name)
            if value != type(self).model_fields[name].default and self.backend != "vllm":
                raise ValueError(f"engine.{name} is {value!r}, allowed with backend 'vllm', not {self.backend!r}")
        return self

    @model_validator(mode="after")
    def _served_in_one_way(self) -> EngineSettings:
        if self.servers and (self.url or self.served_model):
            raise ValueError("engine.servers is set, allowed without engine.url and engine.served_model")
        return self


class SandboxSettings(Section):
    """How model-written code is run."""

    level: Annotated[int, Field(ge=0, le=3)] | None = None
    """Isolation level; when empty, the best of levels 1 and 2 that the machine has. Levels 3 and 0 are used only
    when they are set."""
    docker: str | None = None
    """Image of the containers that code runs in, at level 2; when empty, code runs on this machine itself."""
    seconds: Annotated[float, Field(gt=0.0)] = 5.0
    """CPU time of one block. As it is not wall time, other work on the machine does not change how a block ends."""
    import_seconds: Annotated[float, Field(ge=0.0)] = 20.0
    """CPU time that imports of installed modules may take in one block, in addition to `seconds`."""
    wall_factor: Annotated[float, Field(ge=1.0)] = 6.0
    """Wall time after which a block is stopped, whatever it waits for, in units of `seconds`."""
    echo_last: bool = False
    """Show the value of an expression at the end of a block, as a notebook does; published models see only what was
    printed."""
    show_stderr: bool = False
    """Show what a block writes to stderr (warnings, tracebacks) among its output; published models do not see
    that."""
    memory_mb: Annotated[int, Field(ge=64)] = 1024
    output_bytes: Annotated[int, Field(ge=64)] = 65536
    scratch_mb: Annotated[int, Field(ge=1)] = 16
    """Size of a session's scratch directory in memory, which exists only at level 1."""
    scratch_files: Annotated[int, Field(ge=1)] = 1000
    """Files and directories that the scratch directory may hold."""
    preload: tuple[str, ...] = ("sympy", "numpy", "scipy.optimize", "scipy.integrate")
    """Modules that every session has loaded from the start; others are imported when a block asks for them. The
    scipy modules make the fork of a session 2 ms slower, and save the first block that imports them most of a
    second."""
    workers: Annotated[int, Field(ge=1)] = 2


class TrackingSettings(Section):
    """Where runs are recorded; without `uri`, in SQLite under the project's home directory."""

    uri: str | None = None
    """Address of an MLflow server, or of a database to record in directly: `postgresql://genprm@db/mlflow` (without
    a password, as pages show the address; libpq reads `PGPASSWORD` or `~/.pgpass`)."""
    experiment: str = "genprm"
    registry: bool = True
    """Register trained models once they are measured; the best gets the alias `champion`."""
    traces: Annotated[int, Field(ge=0)] = 10
    """Cases per model and subset whose kept verifications are logged as traces; 0 logs none."""


class RunnerSettings(Section):
    """How `genprm run` spreads work over this machine, or over several."""

    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes that materialize partitions at the same time; each opens its own engine."""
    backend: Annotated[Literal["local", "ray"], Age.ADDED] = "local"
    """Where these processes run: on this machine, or on the nodes of a Ray cluster."""
    gpus: Annotated[bool, Age.ADDED] = True
    """Whether processes that open a model or train ask Ray for GPUs; otherwise for processors (backend ray)."""
