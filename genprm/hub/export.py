"""A checkpoint or a data set as a directory that a hub takes as it is."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from genprm.data_sets.rows import InputError
from genprm.engines import MINIATURE, resolve_model
from genprm.evaluation.calibration_file import CALIBRATION_FILE
from genprm.hub.data_card import data_card
from genprm.hub.model_card import ModelFacts, model_card
from genprm.hub.run_facts import run_facts
from genprm.manifest import MANIFEST_FILE, CheckpointManifest, read_manifest, write_manifest
from genprm.verification.manifest import model_manifest

CARD = "README.md"
GENERATION = "generation_config.json"
_SUFFIXES = (".safetensors", ".json", ".jinja", ".txt", ".model")
_NOT_FOR_OTHERS = ("losses.json", MANIFEST_FILE, GENERATION)
_NAMES_OF_MODELS = ("_name_or_path", "name_or_path", "base_model_name_or_path", "base")
"""Keys of configurations under which libraries write the path that a model was loaded from."""


def export_model(model: str, out: Path, name: str | None = None, licence: str | None = None) -> ModelFacts:
    """Write weights, tokenizer, chat template, generation settings, manifest and card of a checkpoint to `out`.

    Returns what the card says.

    Args:
        model: a directory, or `miniature/<name>`.
        name: what the card calls it; the last part of `out` when empty.
        licence: an SPDX identifier as the hub uses them; there is no default.

    Raises:
        InputError: `out` is not empty, or the model is no directory with weights as safetensors.
        EngineError: no such model.
        TableError: the run that the model comes from is damaged.
    """
    source = Path(resolve_model(model))
    if not source.is_dir() or not any(source.glob("*.safetensors")):
        raise InputError(f"checkpoint is {model!r}, allowed: a directory with *.safetensors, or {MINIATURE}<name>")
    manifest = model_manifest(model) if _asks_by_step(source) else read_manifest(source)
    assert manifest is not None
    _make(out)
    for file in _files(source):
        _copy(file, out / file.relative_to(source))
    _write_generation_config(source, out, manifest)
    _write_manifest(source, out, manifest)
    facts = ModelFacts(
        name=name or out.resolve().name,
        manifest=manifest,
        base=_public_base(manifest, model),
        weights={file.name: _sha256(file) for file in sorted(out.glob("*.safetensors"))},
        calibrated=(out / CALIBRATION_FILE).is_file(),
        run=run_facts(source),
        licence=licence,
    )
    model_card(facts).save(out / CARD)
    return facts


def export_data(
    rows: Sequence[Mapping[str, Any]], source: Path, out: Path, name: str | None = None, licence: str | None = None
) -> None:
    """Write a data set and its card to `out`; `rows` are those of the file `source`, which is copied as it is.

    Raises:
        InputError: `out` is not empty, or there are no rows.
    """
    if not rows:
        raise InputError(f"file {str(source)!r} has no rows, allowed: at least one")
    _make(out)
    file = f"data/train{source.suffix}"
    (out / "data").mkdir()
    shutil.copyfile(source, out / file)
    data_card(name or out.resolve().name, file, rows, licence).save(out / CARD)


def _make(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"directory {str(out)!r} is not empty, allowed: a new or an empty one")
    out.mkdir(parents=True, exist_ok=True)


def _asks_by_step(source: Path) -> bool:
    manifest = read_manifest(source)
    return manifest is None or manifest.adapter is None


def _files(source: Path) -> Iterator[Path]:
    """What others need of a checkpoint: its own files, and those of an adapter beside them."""
    for folder in (source, source / "adapter"):
        for file in sorted(folder.glob("*")):
            if file.is_file() and file.suffix in _SUFFIXES and file.name not in _NOT_FOR_OTHERS:
                yield file


def _copy(source: Path, target: Path) -> None:
    """Copy a file; paths of this machine in a configuration become names."""
    target.parent.mkdir(exist_ok=True)
    if source.suffix == ".json":
        values = json.loads(source.read_text(encoding="utf-8"))
        named = _with_public_names(values) if isinstance(values, dict) else values
        if named != values:
            target.write_text(json.dumps(named, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            return
    shutil.copyfile(source, target)


def _with_public_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, with a path under a key that names a model replaced by the name of the model."""
    return {
        key: public_name(value) if key in _NAMES_OF_MODELS and isinstance(value, str) else value
        for key, value in values.items()
    }


def public_name(model: str) -> str:
    """A model's name without the folders of this machine: a hub id as it is, or the end of a path.

    >>> public_name("Qwen/QwQ-32B"), public_name("/opt/genprm/miniature/weights/base"), public_name("/data/judge")
    ('Qwen/QwQ-32B', 'miniature/base', 'judge')
    """
    path = Path(model)
    if path.parts[-3:-1] == ("miniature", "weights"):
        return MINIATURE + path.name
    return path.name if path.is_absolute() or path.is_dir() else model


def _public_base(manifest: CheckpointManifest, model: str) -> str | None:
    if manifest.base is not None:
        return public_name(manifest.base)
    return model if model.startswith(MINIATURE) else None


def _write_generation_config(source: Path, out: Path, manifest: CheckpointManifest) -> None:
    """Write the generation settings of the model, with the sampling settings of its verifier."""
    file = source / GENERATION
    values = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if manifest.verifier is not None:
        sampling = manifest.verifier.sampling
        values["do_sample"] = sampling.temperature > 0
        if values["do_sample"]:
            values |= {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k}
    if values:
        (out / GENERATION).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _write_manifest(source: Path, out: Path, manifest: CheckpointManifest) -> None:
    """Write the manifest of the checkpoint; how the model is asked is added where only its name says so."""
    file = source / MANIFEST_FILE
    said = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    known = manifest.model_dump(mode="json", include={"inference_mode", "verifier"}, exclude_none=True)
    values = _with_public_names({**known, **said})
    if isinstance(values.get("settings"), dict):
        bases = values["settings"].get("base", {})
        public = {key: public_name(base) for key, base in bases.items()}
        values["settings"] = {**values["settings"], "base": public}
    write_manifest(out, values)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
