"""Published checkpoints as they lie on the hub: tokenizer, body, and the tensors of a head, by their own names.

No code of a checkpoint is ever run. Where one ships modelling code, its body is an architecture that transformers
knows, and its head is read from the weight files by name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import AutoModel, AutoModelForCausalLM
from transformers.utils import cached_file

from genprm.engines.base import EngineError
from genprm.engines.loading import load_network, unloadable
from genprm.engines.unreadable import first_line
from genprm.settings import EngineSettings

_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_FILES = ("model.safetensors", "pytorch_model.bin")
_LANGUAGE_HEAD = "lm_head."
"""Checkpoints of reward models may still hold the head that they were trained from; bodies have no use for it."""
_DTYPES: dict[str, Any] = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def load_body(model: str, settings: EngineSettings, head: str) -> Any:
    """The transformer without a head, ready to be asked: token ids to the hidden states of the last layer.

    `head` is the prefix of the names of the head's tensors; `read_tensors` reads those.

    Raises:
        EngineError: a file is missing or wrong, or its weights are not those of the architecture and that head.
    """
    return _load(AutoModel, model, settings, (head, _LANGUAGE_HEAD))


def load_causal(model: str, settings: EngineSettings) -> Any:
    """A causal language model, ready to be asked; raises as `load_body`."""
    return _load(AutoModelForCausalLM, model, settings)


def _load(kind: Any, model: str, settings: EngineSettings, heads: Sequence[str] = ()) -> Any:
    cuda = torch.cuda.is_available()
    spread = "auto" if torch.cuda.device_count() > 1 else None
    dtype = _DTYPES.get(settings.dtype, "auto" if cuda else torch.float32)
    network = load_network(kind, model, heads, dtype=dtype, device_map=spread)
    return (network if spread else network.to("cuda" if cuda else "cpu")).eval()


def _file(model: str, name: str) -> Path | None:
    try:
        found = cached_file(
            model,
            name,
            _raise_exceptions_for_gated_repo=False,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
        )
    except (OSError, ValueError) as error:
        raise unloadable(model, error) from error
    return None if found is None else Path(found)


def _weight_files(model: str, prefix: str) -> Iterator[Path]:
    """The files that hold tensors whose names begin with `prefix`, or that may do so."""
    for name in _INDEXES:
        index = _file(model, name)
        if index is None:
            continue
        try:
            places = json.loads(index.read_text())["weight_map"]
        except (ValueError, KeyError) as error:
            raise EngineError(f"model {model!r}: {name} is not an index of weights") from error
        for place in sorted({place for tensor, place in places.items() if tensor.startswith(prefix)}):
            path = _file(model, place)
            if path is None:
                raise EngineError(f"model {model!r}: {place} is missing")
            yield path
        return
    for name in _FILES:
        path = _file(model, name)
        if path is not None:
            yield path
            return
    raise EngineError(f"model {model!r}: no weights ({' or '.join(_FILES)})")


def _tensors(path: Path, prefix: str) -> dict[str, torch.Tensor]:
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys() if name.startswith(prefix)}  # noqa: SIM118
    stored = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    return {name: tensor for name, tensor in stored.items() if name.startswith(prefix)}


def read_tensors(model: str, prefix: str) -> dict[str, torch.Tensor]:
    """All tensors of a checkpoint whose names begin with `prefix`, by the rest of their names.

    Raises:
        EngineError: a file is missing or cannot be read, or no tensor has such a name.
    """
    found: dict[str, torch.Tensor] = {}
    for path in _weight_files(model, prefix):
        try:
            found |= _tensors(path, prefix)
        except UnpicklingError:
            raise EngineError(f"model {model!r}: {path.name} cannot be read: it holds more than tensors") from None
        except (SafetensorError, OSError, RuntimeError, ValueError) as error:
            raise EngineError(f"model {model!r}: {path.name} cannot be read: {first_line(error)}") from error
    if not found:
        raise EngineError(f"model {model!r}: no weights named {prefix}*; its head is missing")
    return {name.removeprefix(prefix): tensor for name, tensor in found.items()}
