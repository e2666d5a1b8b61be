"""How a verifier's model is asked: what its checkpoint says, or what is known about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genprm.engines import MINIATURE, resolve_model
from genprm.manifest import CheckpointManifest, read_manifest
from genprm.modes import Mode
from genprm.profiles import change_section, load_profile
from genprm.settings import VerifierSettings
from genprm.verification.published import Preset, is_published, published_settings


def model_manifest(
    model: str,
    system: str | None = None,
    verifier: VerifierSettings | None = None,
    preset: Preset | None = None,
) -> CheckpointManifest:
    """What is known about how a model is asked.

    A checkpoint trained here says it in its `genprm.json`. Models of the miniature are asked as in their profile,
    published checkpoints as `genprm.verification.published` says, and any other model as in the paper, in full
    mode. With `preset`, any model is asked as the published checkpoints are. `verifier` takes the place of all
    that, and `system` that of the system message.

    Raises:
        ValueError: the checkpoint's `genprm.json` cannot be read.
        InputError: the system message of a published checkpoint cannot be found.
    """
    manifest = read_manifest(Path(resolve_model(model, weights=False))) or CheckpointManifest()
    if verifier is None and preset is None:
        verifier = manifest.verifier
    if verifier is None and (preset is not None or is_published(model)):
        verifier = published_settings(model, system, preset or Preset.AS_CARD)
    if verifier is None:
        known = model.startswith(MINIATURE)
        verifier = load_profile("miniature").rationales.verifier if known else VerifierSettings()
    if system is not None:
        turns = verifier.format.model_copy(update={"system": system})
        verifier = verifier.model_copy(update={"format": turns})
    mode = manifest.inference_mode or Mode.FULL
    return manifest.model_copy(update={"inference_mode": mode, "verifier": verifier})


def asked_otherwise(
    model: str, system: str | None, preset: Preset | None, changes: Sequence[str]
) -> VerifierSettings | None:
    """How a model is asked with a preset, or with `model.key=value` changes to what is known of it; None with
    neither.

    Raises:
        SettingsError: a key or value that is not allowed.
        ValueError, InputError: as `model_manifest`.
    """
    if preset is None and not changes:
        return None
    verifier = model_manifest(model, system, preset=preset).verifier
    assert verifier is not None
    return change_section(verifier, changes, "model")
