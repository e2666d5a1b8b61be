"""How a verifier's model is asked: what its checkpoint says, or what is known about it."""

from __future__ import annotations

from pathlib import Path

from genprm.engines import MINIATURE, resolve_model
from genprm.manifest import CheckpointManifest, read_manifest
from genprm.profiles import load_profile
from genprm.settings import VerifierSettings
from genprm.verification.published import is_published, published_settings


def model_manifest(
    model: str, system: str | None = None, verifier: VerifierSettings | None = None
) -> CheckpointManifest:
    """What is known about how a model is asked.

    A checkpoint says so itself (`genprm.json`); models of the miniature are asked as their profile does, the
    published checkpoints as `genprm.verification.published` says; any other model as the paper does, in full mode.
    `verifier` takes the place of all that, `system` that of the system message.

    Raises:
        ValueError: the checkpoint's `genprm.json` cannot be read.
        InputError: a published checkpoint, and its system message is nowhere to be had.
    """
    manifest = read_manifest(Path(resolve_model(model, weights=False))) or CheckpointManifest()
    verifier = verifier or manifest.verifier
    if verifier is None and is_published(model):
        verifier = published_settings(model, system)
    if verifier is None:
        known = model.startswith(MINIATURE)
        verifier = load_profile("miniature").rationales.verifier if known else VerifierSettings()
    if system is not None:
        turns = verifier.format.model_copy(update={"system": system})
        verifier = verifier.model_copy(update={"format": turns})
    return manifest.model_copy(update={"inference_mode": manifest.inference_mode or "full", "verifier": verifier})
