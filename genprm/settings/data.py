"""Problems, solutions, Monte-Carlo scores and labels (paper 4.2)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from genprm.registry import ESTIMATORS, FORMATS, domain_of
from genprm.settings.base import Age, Key, SamplingSettings, Section, several


def _known_source(name: str) -> str:
    domain_of(name)
    return name


class RowSettings(Section):
    """Where the user's own rows are."""

    data: str | None = None
    """A file (JSON lines, JSON, CSV or Parquet, text also as `.gz`), or the id of a data set on the hub."""
    split: str = "train"
    """Split of a data set on the hub."""
    config: str | None = None
    """Configuration of a data set on the hub that has several."""


def _known_format(name: str) -> str:
    if name not in FORMATS:
        FORMATS.get(name)
    return name


class ImportedSet(RowSettings):
    """A set of step labels or verifications that others made."""

    format: Annotated[str, AfterValidator(_known_format)] = "genprm-math"
    """One of `genprm.registry.FORMATS` (docs/formats.md)."""


class ProblemRows(RowSettings):
    """Rows that hold problems with answers."""

    problem: Annotated[tuple[str, ...], BeforeValidator(several)] = ()
    """Column of the problem's text, or several that are joined; `problem` or `question` when empty."""
    answer: str | None = None
    """Column of the answer: a number, a text, or a solution that boxes it or ends in `#### answer`; when empty the
    first of answer, final_answer, target and solution that a row has."""


class ProblemSettings(Section):
    """The problems that solutions are sampled for (paper 4.2: MATH train, 7.5K)."""

    source: Annotated[str, AfterValidator(_known_source)] = "math-train"
    """A source of a domain (`genprm.domains`): miniature, math-train, gsm8k (its training problems), svamp,
    file or hub (`rows`), or another package's."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """Use the first `limit` problems; all when empty."""
    seed: int = 0
    """Which miniature problems are drawn."""
    shards: Annotated[int, Field(ge=1, le=64)] = 16
    """Partitions by hash of the problem id. At most 64: above 99 Dagster silently stops to track staleness."""
    rows: Annotated[ProblemRows, Age.ADDED] = ProblemRows()
    """What the sources `file` and `hub` read."""


class SolutionSettings(Section):
    """Solution generation with step forcing (paper 4.2)."""

    model: str = "Qwen/Qwen2.5-7B-Instruct"
    system: str | None = "Please reason step by step, and put your final answer within \\boxed{}."
    prompt: str = "{problem}"
    prefill: str = "Step 1:"
    sampling: SamplingSettings = SamplingSettings()
    wanted_correct: Annotated[int, Field(ge=1)] = 2
    """Distinct correct paths kept per problem."""
    wanted_incorrect: Annotated[int, Field(ge=1)] = 2
    """Distinct incorrect paths kept per problem."""
    batch: Annotated[int, Field(ge=1)] = 16
    """Paths per request, until both kinds are complete; a request asks for more once many paths were sampled."""
    max_samples: Annotated[int, Field(ge=1)] = 2048
    seed: int = 0


class RolloutTier(Section):
    """`rollouts` per step for problems whose MC(s_1) is below `below`, and not below that of an earlier tier."""

    below: Annotated[float, Field(gt=0.0)]
    rollouts: Annotated[int, Field(ge=1)]


class SequentialSettings(Section):
    """When sequential estimation stops rolling a step out (ours; `genprm.monte_carlo.stopping`)."""

    epsilon: Annotated[float, Field(gt=0.0, le=10.0)] = 0.8
    """Threshold of relative progress that stopping is decided for. Labels with another `labels.epsilon` need no
    further rollouts, but steps near that threshold are then labelled less exactly than with K rollouts."""
    error: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    """Largest probability that a step is called kept, lost or dead and is not."""
    flip: Annotated[float, Field(ge=0.0, lt=0.5)] = 0.05
    """Stop also once K rollouts would give another label with at most this probability; 0 turns this off."""
    dead_below: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    """A step whose rollouts all failed is dead when its true share is below this, or below half of Pass@1 if that
    is less: MC = 0 itself can be observed but not proved."""


class MonteCarloSettings(Section):
    """Monte-Carlo estimation (paper 4.2) with dynamic K (eq. 9)."""

    model: str = "Qwen/Qwen2.5-Math-7B-Instruct"
    system: str | None = "Please reason step by step, and put your final answer within \\boxed{}."
    prompt: str = "{problem}"
    sampling: SamplingSettings = SamplingSettings()
    tiers: tuple[RolloutTier, ...] = (
        RolloutTier(below=0.1, rollouts=128),
        RolloutTier(below=0.9, rollouts=64),
    )
    rollouts_otherwise: Annotated[int, Field(ge=1)] = 32
    """K when MC(s_1) is in no tier (0.9 <= MC(s_1) <= 1 in the paper)."""
    estimator: Literal["fixed", "sequential"] = "fixed"
    """K rollouts for every step (as in the paper), or batches until the step's label is decided, at most K."""
    header_blank: Annotated[bool, Age.ADDED] = False
    """Whether a space follows the header that a rollout continues (`Step 3:`), as in the released code."""
    sequential: SequentialSettings = SequentialSettings()
    seed: int = 0

    @model_validator(mode="after")
    def _tiers_ascend(self) -> MonteCarloSettings:
        bounds = [tier.below for tier in self.tiers]
        if bounds != sorted(set(bounds)):
            raise ValueError(f"tiers must ascend by `below`, got {bounds}")
        return self


def _known_estimator(name: str) -> str:
    ESTIMATORS.get(name)
    return name


class LabelVariant(Section):
    """An estimator of step labels and its threshold (paper 4.2 and table 3; `changepoint` is ours)."""

    estimator: Annotated[str, AfterValidator(_known_estimator)] = "ratio"
    """One of `genprm.registry.ESTIMATORS`: ratio, difference, hard, changepoint, or another package's."""
    epsilon: Annotated[float, Field(ge=-1.0, le=10.0)] = 0.8
    """Label 1 iff progress >= epsilon, where the estimator has a threshold; by default the estimator's own."""

    @model_validator(mode="before")
    @classmethod
    def _default_of_the_estimator(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("estimator") in ESTIMATORS:
            default = ESTIMATORS.get(values["estimator"]).default_epsilon
            return values if default is None else {"epsilon": default, **values}
        return values


MAIN_VARIANT = "main"


class LabelSettings(LabelVariant):
    """Relative progress estimation. The section's own estimator is the variant `main`; `variants` adds more."""

    variants: dict[Key, LabelVariant] = Field(default_factory=dict)
    source: Annotated[ImportedSet | None, Age.ADDED] = None
    """Labelled solutions that others made, in place of solutions sampled and labelled here. Their labels are the
    variant `main`, and there is no other."""

    @model_validator(mode="after")
    def _main_is_taken(self) -> LabelSettings:
        if MAIN_VARIANT in self.variants:
            raise ValueError(f"variant name {MAIN_VARIANT!r} is the section's own estimator; choose another name")
        return self

    def variant(self, name: str) -> LabelVariant:
        """The estimator called `name`."""
        if name == MAIN_VARIANT:
            return LabelVariant(estimator=self.estimator, epsilon=self.epsilon)
        return self.variants[name]

    def variant_names(self) -> list[str]:
        """`main` first, then the others as written; `main` alone where the labels are imported."""
        return [MAIN_VARIANT] if self.source is not None else [MAIN_VARIANT, *self.variants]
