"""What a checkpoint knows about itself: `genprm.json` beside its weights."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from genprm.modes import Mode
from genprm.records import Provenance
from genprm.settings import TrainingSettings, VerifierSettings

MANIFEST_FILE = "genprm.json"


class CheckpointManifest(BaseModel):
    """How a checkpoint was made and how it is asked. Other keys of the file are kept and not read."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)

    inference_mode: Mode | None = None
    """The mode that its training conversations were written in."""
    verifier: VerifierSettings | None = None
    """Turn format and sampling of the verifier that its training conversations follow."""
    adapter: str | None = None
    """Its reward model (`genprm.reward_models.registry`), where that is not the verifier."""
    judged_from: tuple[Provenance, ...] = ()
    """What the judgements in its training conversations were read from."""
    base: str | None = None
    settings: TrainingSettings | None = None
    mask_code_output: bool | None = None
    examples: int | None = None
    dropped: int | None = None
    """Conversations that were longer than `settings.max_length`; in reinforcement, solutions whose first step
    leaves no room within that length."""
    tokens: int | None = None
    """Tokens of one pass over the data."""
    loss_tokens: int | None = None
    """How many of `tokens` carry loss."""
    steps: int | None = None
    first_loss: float | None = None
    last_loss: float | None = None
    versions: dict[str, str] = {}


def read_manifest(directory: Path) -> CheckpointManifest | None:
    """The manifest of a checkpoint directory; None where there is no `genprm.json`.

    Raises:
        ValueError: the file is there and is not a manifest.
    """
    path = directory / MANIFEST_FILE
    if not path.is_file():
        return None
    try:
        return CheckpointManifest.model_validate_json(path.read_text())
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "file"
        raise ValueError(f"{path}: {key}: {first['msg']}") from None


def write_manifest(directory: Path, values: Mapping[str, Any]) -> None:
    """Write `genprm.json`, keys in the order given. `values` must be readable by `read_manifest`."""
    CheckpointManifest.model_validate(values)
    (directory / MANIFEST_FILE).write_text(json.dumps(values, indent=2) + "\n")


def library_versions() -> dict[str, str]:
    """Versions of the libraries that training depends on."""
    names = ("genprm", "torch", "transformers", "trl", "datasets", "accelerate", "tokenizers")
    return {name: importlib.metadata.version(name) for name in names}
