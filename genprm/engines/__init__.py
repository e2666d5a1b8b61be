"""How text is generated: one small interface (`genprm.engines.base`), and three backends.

`embedded` runs a model in this process, `remote` hands requests to engines that batch by themselves, and `copies`
presents several copies of a model, of either kind, as one engine.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from genprm.engines.adapters import adapter_base
from genprm.engines.base import Engine, EngineError
from genprm.engines.copies.devices import Devices
from genprm.engines.loading import is_gguf
from genprm.extras import how_to_install
from genprm.settings import EngineSettings

MINIATURE = "miniature/"
"""Prefix of the models that are shipped with the package."""

_WANTED = ("config.json", "tokenizer.json")
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


def resolve_model(name: str, weights: bool = True) -> str:
    """The directory, GGUF file or hub id behind a model name; `miniature/<name>` is a model shipped with genprm.

    A directory has to hold weights, unless `weights` is false: then configuration and tokenizer are enough. For the
    directory of a LoRA adapter, the base model that it names is checked.

    Raises:
        EngineError: a directory without the files of a model, a file of another kind, or no such shipped model.
    """
    path = Path(name)
    if name.startswith(MINIATURE) and not path.exists():
        shipped = Path(__file__).parent.parent / "miniature" / "weights"
        path = shipped / name.removeprefix(MINIATURE)
        if not path.is_dir():
            known = sorted(MINIATURE + entry.name for entry in shipped.glob("*") if entry.is_dir())
            raise EngineError(f"model {name!r} is not shipped (shipped: {', '.join(known) or 'none'})")
    if path.is_dir():
        base = adapter_base(str(path))
        if base is not None:
            resolve_model(base, weights)
            return str(path)
        missing = [file for file in _WANTED if not (path / file).is_file()]
        if weights and not any(file for pattern in _WEIGHTS for file in path.glob(pattern)):
            missing = missing or [" or ".join(_WEIGHTS)]
        if missing:
            raise EngineError(f"model {name!r}: directory {path} lacks {', '.join(missing)}")
        return str(path)
    if path.is_file() and is_gguf(name):
        return _checked_gguf(name)
    if path.is_file():
        raise EngineError(
            f"model {name!r} is a file; allowed: a GGUF file, or a directory with {', '.join(_WANTED)} and weights"
        )
    if path.is_absolute() or name.startswith(".") or name.count("/") > 1:
        raise EngineError(f"model {name!r}: no such directory")
    return name


def _checked_gguf(name: str) -> str:
    if importlib.util.find_spec("gguf") is None:
        raise EngineError(f"model {name!r} is a GGUF file, which needs the package gguf: {how_to_install('gguf')}")
    return name


def open_engine(model: str, settings: EngineSettings, devices: Devices | None = None) -> Engine:
    """Open an engine for `model` (a directory, a hub id or `miniature/<name>`): its servers where
    `settings.servers` names some, otherwise the backend `settings.backend`.

    With `devices` the engine runs in processes of its own that see only those GPUs, otherwise on the GPUs that this
    process sees. Loading takes a while, so this must not be called from an event loop that has other work to do.

    Raises:
        EngineError: the backend is not available or the model cannot be loaded.
    """
    if is_served(model, settings):
        return _open_served(model, settings)
    if settings.backend == "vllm":
        _refuse_parts(model)
    path = resolve_model(model)
    if settings.replicas > 1 or devices is not None:
        from genprm.engines.copies.processes import open_processes

        return open_processes(path, settings, devices)
    if settings.backend == "vllm":
        from genprm.engines.remote.vllm import VllmEngine

        return VllmEngine(path, settings)
    from genprm.engines.embedded.transformers import TransformersEngine

    return TransformersEngine(path, settings)


def is_served(model: str, settings: EngineSettings) -> bool:
    """Whether servers, and not this machine, generate the model's text.

    Raises:
        EngineError: as `resolve_model`, where some models have servers.
    """
    if settings.backend == "openai" or not settings.servers:
        return settings.backend == "openai"
    from genprm.engines.remote.servers import address_key

    return address_key(model, resolve_model(model, weights=False), settings) is not None


def _open_served(model: str, settings: EngineSettings) -> Engine:
    path = resolve_model(model, weights=False)
    if settings.servers:
        from genprm.engines.remote.servers import open_servers

        return open_servers(model, path, settings)
    from genprm.engines.remote.openai import OpenAIEngine

    return OpenAIEngine(path, settings, names=[model])


def _refuse_parts(model: str) -> None:
    kind = "GGUF file" if is_gguf(model) else "LoRA adapter" if adapter_base(model) is not None else None
    if kind is not None:
        raise EngineError(f"model {model!r} is a {kind}; allowed with backend vllm: a whole model")
