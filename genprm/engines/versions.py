"""What identifies the weights of a model, wherever its files lie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from genprm.engines import MINIATURE, resolve_model
from genprm.engines.adapters import adapter_base
from genprm.engines.base import EngineError
from genprm.fingerprints import fingerprint

_NOT_THE_MODEL = frozenset({"genprm.json", "losses.json", "training_args.bin", "README.md"})
_READ_WHOLE = 64 * 2**20
_END = 2**20


def weights_version(model: str) -> str:
    """What identifies a model's weights: a hash of its files where they are on this machine, else its name.

    The hash of a LoRA adapter covers a base model on this machine, too.
    """
    if Path(model).is_file():
        return fingerprint(_chunks(Path(model)))
    if not model.startswith(MINIATURE) and not Path(model).is_dir():
        return model
    try:
        version = directory_version(Path(resolve_model(model)))
        base = adapter_base(model)
    except EngineError as error:
        return f"missing: {error}"
    if base is None or not Path(base).exists():
        return version
    return fingerprint([version.encode(), weights_version(base).encode()])


def directory_version(directory: Path) -> str:
    """Hash of a model directory: weights, configuration, tokenizer. Of large files the size and both ends."""
    files = (file for file in sorted(directory.iterdir()) if file.is_file() and file.name not in _NOT_THE_MODEL)
    return fingerprint(chunk for file in files for chunk in _chunks(file))


def _chunks(file: Path) -> Iterator[bytes]:
    size = file.stat().st_size
    yield f"{file.name} {size}\0".encode()
    with file.open("rb") as stream:
        if size <= _READ_WHOLE:
            yield stream.read()
        else:
            yield stream.read(_END)
            stream.seek(size - _END)
            yield stream.read()
