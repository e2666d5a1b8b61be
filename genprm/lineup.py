"""Which models a profile trains, and which of them judge, choose and criticise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from genprm.modes import Mode
from genprm.settings import MAIN_VARIANT, Profile, SettingsError
from genprm.training.recipes import RECIPES, Recipe

VERIFIER = "genprm"
"""The kind of GenPRM itself, and of every model that was not trained here."""
REFERENCE = "rationale"
"""Key of the rationale model itself: what the trained models are distilled from."""
SELF = "self"
"""Name of the critic that is the policy itself."""

_SIZE = re.compile(r"(\d+(?:\.\d+)?)b\b", re.IGNORECASE)


def billions_in(name: str) -> float | None:
    """Billions of parameters that a model's name states; None when it states none.

    >>> billions_in("Qwen/Qwen2.5-Math-7B-Instruct"), billions_in("miniature/policy")
    (7.0, None)
    """
    found = _SIZE.findall(name)
    return float(found[-1]) if found else None


@dataclass(frozen=True, slots=True)
class Model:
    """One model that is evaluated.

    `{base}.{variant}.{mode}` was trained here, `{base}.{variant}.full.50pct` on half of the training set;
    `{base}.{variant}.discriminative` and `{base}.{variant}.think` are of another `kind`, a key of
    `genprm.training.recipes.RECIPES`, and so is `{base}.{variant}.full.rl`. `{base}.untrained` and `rationale` are
    references.
    `{base}.{variant}.{mode}.as-{other mode}` judges in another mode than it was trained in: its `checkpoint` is
    the key of the model without that ending; for every other model, `checkpoint` is its own key.

    `weights` names what a model starts from. `mode` is how it judges; for a model of another kind, the mode that
    is nearest in what it reads and writes.
    """

    key: str
    base: str
    variant: str | None
    mode: Mode
    weights: str
    checkpoint: str
    share: float = 1.0
    kind: str = VERIFIER

    @property
    def trained(self) -> bool:
        """Whether it is made by fine-tuning."""
        return self.variant is not None

    @property
    def as_trained(self) -> bool:
        """Whether it judges in the mode that it was trained in."""
        return self.checkpoint == self.key

    @property
    def recipe(self) -> Recipe:
        """What its kind means: how it is trained, opened and shown."""
        return RECIPES[self.kind]

    @property
    def judging(self) -> str:
        """A label for how it judges: its mode, its kind, or both."""
        return self.recipe.judging(self.mode)

    @property
    def billions(self) -> float | None:
        """Parameters in billions, where the name of its weights states them."""
        return billions_in(self.weights)

    def asked_as(self, mode: Mode) -> Model:
        """The same checkpoint, judging in another mode."""
        return replace(self, key=f"{self.key}.as-{mode}", mode=mode)


@dataclass(frozen=True)
class Lineup:
    """The models of a profile, and the roles that they play.

    Raises:
        SettingsError: two models would share a key.
    """

    profile: Profile

    def __post_init__(self) -> None:
        keys = [model.key for model in self.judges]
        if len(set(keys)) < len(keys):
            twice = sorted(key for key in set(keys) if keys.count(key) > 1)
            raise SettingsError(f"training.base: models {', '.join(twice)} would share a name; rename a base")

    @cached_property
    def models(self) -> tuple[Model, ...]:
        """Every model with a checkpoint of its own: the trained ones first, then the references."""
        bases = self.profile.training.base
        rationales = self.profile.rationales
        return (
            *(model for base in bases for model in self._trained_from(base)),
            *(_reference(f"{base}.untrained", base, Mode.FULL, weights) for base, weights in bases.items()),
            _reference(REFERENCE, REFERENCE, rationales.mode, rationales.model),
        )

    def _trained_from(self, base: str) -> list[Model]:
        training = self.profile.training

        def model(variant: str, name: str, mode: Mode, share: float = 1.0, kind: str = VERIFIER) -> Model:
            key = f"{base}.{variant}.{name}"
            return Model(key, base, variant, mode, training.base[base], key, share, kind)

        found = [model(variant, mode, mode) for variant, mode in training.trained()]
        for variant in training.variants[:1]:
            found += [model(variant, f"full.{100 * share:g}pct", Mode.FULL, share) for share in training.shares]
            for kind, recipe in RECIPES.items():
                if recipe.wanted(training):
                    mode = recipe.mode or Mode.FULL
                    found.append(model(variant, recipe.judging(mode), mode, kind=kind))
        return found

    @cached_property
    def otherwise(self) -> tuple[Model, ...]:
        """The models of the first variant that judge step by step, in each other mode that the profile asks for."""
        return tuple(
            model.asked_as(mode)
            for model in self.models
            if model.trained and self.is_main(model) and model.recipe.by_step
            for mode in self.profile.evaluation.modes_besides(model.mode)
        )

    @property
    def judges(self) -> tuple[Model, ...]:
        """Everything that is measured on the benchmark."""
        return (*self.models, *self.otherwise)

    @cached_property
    def rankers(self) -> tuple[Model, ...]:
        """The models that choose among candidates: references, and those of the first variant on all of its data.
        Other label variants and shares are measured on the benchmark alone."""
        return tuple(model for model in self.models if self.is_main(model))

    @cached_property
    def critics(self) -> tuple[Model, ...]:
        """The models whose critiques are used to refine a policy's solutions: for each base the paper's GenPRM and
        the untrained model."""
        found = (one for base in self.profile.training.base for one in (self.full(base), self.untrained(base)))
        return tuple(model for model in found if model is not None)

    @property
    def guide(self) -> Model | None:
        """The model that guides searches: the first base, trained in the mode of the search settings; None where
        the profile does not train it."""
        return self.trained(next(iter(self.profile.training.base), ""), self.profile.search.mode)

    @property
    def critic_models(self) -> dict[str, Model | None]:
        """The critics by name, with the model that judges; None is the policy itself."""
        return {SELF: None, **{model.key: model for model in self.critics}}

    def model(self, key: str) -> Model:
        """The model called `key`.

        Raises:
            KeyError: there is none.
        """
        return self._by_key[key]

    @cached_property
    def _by_key(self) -> Mapping[str, Model]:
        return {model.key: model for model in self.judges}

    @property
    def main_variant(self) -> str:
        """The label variant that models of every mode are trained on."""
        return (*self.profile.training.variants, MAIN_VARIANT)[0]

    def is_main(self, model: Model) -> bool:
        """Whether a model saw the first label variant and all of its data, or is a reference."""
        return model.variant in (None, *self.profile.training.variants[:1]) and model.share == 1

    def is_full(self, model: Model) -> bool:
        """Whether it is the paper's GenPRM: full mode, the first label variant, the whole training set."""
        return model == self.full(model.base)

    def full(self, base: str) -> Model | None:
        """The paper's GenPRM that a base becomes; None where the profile does not train it."""
        return self.trained(base, Mode.FULL)

    @property
    def fulls(self) -> tuple[Model, ...]:
        """The paper's GenPRM of every base, as far as the profile trains it."""
        found = (self.full(base) for base in self.profile.training.base)
        return tuple(model for model in found if model is not None)

    def trained(self, base: str, judging: str, variant: str | None = None) -> Model | None:
        """The model that a base becomes on all data of a label variant (the first one unless told), in a mode or of
        another kind; None where the profile does not train it."""
        wanted = variant or self.main_variant
        of_base = (model for model in self.models if model.base == base and model.variant == wanted)
        return next((model for model in of_base if model.share == 1 and model.judging == judging), None)

    def asked_as(self, model: Model, mode: Mode) -> Model | None:
        """The same checkpoint judging in another mode, where the profile asks for that."""
        return self._by_key.get(model.asked_as(mode).key)

    def untrained(self, base: str) -> Model | None:
        """The base as it is before training."""
        bases = (model for model in self.models if model.base == base)
        return next((model for model in bases if not model.trained), None)

    def votes_of(self, model: Model) -> int:
        """Verification paths per benchmark case."""
        return self.profile.evaluation.votes_in(model.mode, self.is_full(model))


def _reference(key: str, base: str, mode: Mode, weights: str) -> Model:
    return Model(key, base, None, mode, weights, key)
