"""Which models a profile trains, and which of them judge, choose and criticise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from genprm.settings import MAIN_VARIANT, Mode, Profile

Kind = Literal["genprm", "discriminative", "think"]
"""What a model was made into: a verifier that takes turns, a classification head (paper eq. 1), or a ThinkPRM that
verifies a whole solution in one text."""

REFERENCE = "rationale"
"""Key of the rationale model itself: what the trained models are distilled from."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model that is evaluated.

    `{base}.{variant}.{mode}` was trained here, `{base}.{variant}.full.50pct` on half of the training set;
    `{base}.{variant}.discriminative` and `{base}.{variant}.think` are of another `kind`. `{base}.untrained` and
    `rationale` are references. `{base}.{variant}.{mode}.as-{other mode}` judges in another mode than it was trained
    in: its `checkpoint` is that of the model without the ending, everybody else's their own.

    `weights` names what a model starts from. `mode` is how it judges; of another kind, the mode that comes nearest
    in what it reads and writes.
    """

    key: str
    base: str
    variant: str | None
    mode: Mode
    weights: str
    checkpoint: str
    share: float = 1.0
    kind: Kind = "genprm"

    @property
    def trained(self) -> bool:
        """Whether fine-tuning makes it."""
        return self.variant is not None

    @property
    def judging(self) -> str:
        """How it judges, for people."""
        return self.mode if self.kind == "genprm" else self.kind


def models_of(profile: Profile) -> tuple[Model, ...]:
    """Trained models first, then the references; all have a checkpoint of their own."""
    trained = [model for base in profile.training.base for model in _trained_from(profile, base)]
    untrained = [
        _reference(f"{base}.untrained", base, "full", weights) for base, weights in profile.training.base.items()
    ]
    return (
        *trained,
        *untrained,
        _reference(REFERENCE, REFERENCE, profile.rationales.mode, profile.rationales.model),
    )


def _trained_from(profile: Profile, base: str) -> list[Model]:
    training = profile.training

    def model(variant: str, name: str, mode: Mode, share: float = 1.0, kind: Kind = "genprm") -> Model:
        key = f"{base}.{variant}.{name}"
        return Model(key, base, variant, mode, training.base[base], key, share, kind)

    found = [model(variant, mode, mode) for variant, mode in training.trained()]
    for variant in training.variants[:1]:
        found += [model(variant, f"full.{100 * share:g}pct", "full", share) for share in training.shares]
        if training.discriminative:
            found.append(model(variant, "discriminative", "direct", kind="discriminative"))
        if training.think:
            found.append(model(variant, "think", "cot", kind="think"))
    return found


def _reference(key: str, base: str, mode: Mode, weights: str) -> Model:
    return Model(key, base, None, mode, weights, key)


def judged_otherwise(profile: Profile) -> tuple[Model, ...]:
    """The models of the first variant that can, judging in the other modes that are asked for."""
    first = profile.training.variants[:1]
    return tuple(
        replace(model, key=f"{model.key}.as-{mode}", mode=mode)
        for model in models_of(profile)
        if model.variant in first and model.share == 1 and model.kind == "genprm"
        for mode in profile.evaluation.modes_besides(model.mode)
    )


def rankers(profile: Profile) -> tuple[Model, ...]:
    """The models that choose among candidates: references, and those of the first variant on all of its data. Other
    label variants and shares are measured on the benchmark alone."""
    first = (None, *profile.training.variants[:1])
    return tuple(model for model in models_of(profile) if model.variant in first and model.share == 1)


def critics(profile: Profile) -> tuple[Model, ...]:
    """The models whose critiques a policy's solutions are refined by: each base, untrained and as the paper's
    GenPRM."""
    known = {model.key: model for model in models_of(profile)}
    wanted = (key for base in profile.training.base for key in (full_key(profile, base), f"{base}.untrained"))
    return tuple(known[key] for key in wanted if key in known)


def full_key(profile: Profile, base: str) -> str:
    """The key of the paper's GenPRM that a base becomes (full mode, the first label variant, all of the training
    set), whether the profile has it or not."""
    return f"{base}.{(*profile.training.variants, MAIN_VARIANT)[0]}.full"


def is_full(profile: Profile, model: Model) -> bool:
    """Whether a model is the paper's GenPRM."""
    return model.key in {full_key(profile, base) for base in profile.training.base}
