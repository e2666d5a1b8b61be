"""A profile: one run, completely described."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import model_validator

from genprm.modes import Mode
from genprm.settings.base import Age, Key, Section, SettingsError
from genprm.settings.data import ImportedSet, LabelSettings, MonteCarloSettings, ProblemSettings, SolutionSettings
from genprm.settings.evaluation import EvaluationSettings, RefinementSettings, ScalingSettings
from genprm.settings.machine import EngineSettings, RunnerSettings, SandboxSettings, TrackingSettings
from genprm.settings.search import GuidedSearchSettings
from genprm.settings.training import TrainingSettings
from genprm.settings.verification import FilterSettings, RationaleSettings

OPERATIONAL = frozenset({"engine", "sandbox", "tracking", "runner"})
"""Sections that say how work is done, and not what comes out or what it costs."""


class Profile(Section):
    """One run, completely described."""

    name: Key
    problems: ProblemSettings = ProblemSettings()
    solutions: SolutionSettings = SolutionSettings()
    monte_carlo: MonteCarloSettings = MonteCarloSettings()
    labels: LabelSettings = LabelSettings()
    rationales: RationaleSettings = RationaleSettings()
    consensus: FilterSettings = FilterSettings()
    training: TrainingSettings = TrainingSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    scaling: ScalingSettings = ScalingSettings()
    refinement: RefinementSettings = RefinementSettings()
    search: Annotated[GuidedSearchSettings, Age.ADDED] = GuidedSearchSettings()
    engine: EngineSettings = EngineSettings()
    sandbox: SandboxSettings = SandboxSettings()
    tracking: TrackingSettings = TrackingSettings()
    runner: RunnerSettings = RunnerSettings()

    @property
    def given(self) -> ImportedSet | None:
        """The imported set that the run starts from: conversations or labels. None where solutions are sampled."""
        return self.training.source or self.labels.source

    @model_validator(mode="after")
    def _one_set_is_given(self) -> Profile:
        if self.training.source is not None and self.labels.source is not None:
            raise ValueError(
                "training.source and labels.source are both given, allowed: one (labels get rationales here, "
                "training.source needs none)"
            )
        return self

    @model_validator(mode="after")
    def _variants_exist(self) -> Profile:
        known = self.labels.variant_names()
        missing = [name for name in self.training.variants if name not in known]
        if missing:
            raise ValueError(f"training.variants names {missing}, labels has {known}")
        return self

    @model_validator(mode="after")
    def _refined_sets_have_candidates(self) -> Profile:
        self._has_candidates("refinement", self.refinement.sets)
        if self.refinement.solutions > self.scaling.candidates:
            raise ValueError(
                f"refinement.solutions is {self.refinement.solutions}, allowed: at most scaling.candidates "
                f"= {self.scaling.candidates}"
            )
        return self

    @model_validator(mode="after")
    def _searches_have_candidates_and_a_guide(self) -> Profile:
        self._has_candidates("search", self.search.sets)
        if self.search.sets and self.search.mode not in self.training.modes:
            raise ValueError(
                f"search.mode is {self.search.mode!r}, allowed: one of training.modes = "
                f"{', '.join(self.training.modes)}"
            )
        return self

    def _has_candidates(self, section: str, sets: Sequence[str]) -> None:
        missing = [name for name in sets if name not in self.scaling.sets]
        if missing:
            raise ValueError(f"{section}.sets names {missing}, scaling.sets has {list(self.scaling.sets)}")

    @model_validator(mode="after")
    def _chains_are_made_of_analyses(self) -> Profile:
        chained = self.training.chained
        if chained and not self.rationales.mode.analysis:
            raise ValueError(
                f"training.{chained[0]} needs rationales with an analysis: "
                f"rationales.mode is {self.rationales.mode!r}, "
                f"allowed: {', '.join(mode for mode in Mode.FULL.contained() if mode.analysis)}"
            )
        return self

    @model_validator(mode="after")
    def _a_full_model_is_trained_where_it_is_needed(self) -> Profile:
        needing = {"training.rl": self.training.rl, "evaluation.other_modes": self.evaluation.other_modes}
        for name, value in needing.items():
            if value and Mode.FULL not in self.training.modes:
                raise ValueError(f"{name} needs a model trained in full mode, which training.modes lacks")
        return self


def home() -> Path:
    """The directory of everything that runs make: `GENPRM_HOME`, or `.genprm` in the current directory."""
    return Path(os.environ.get("GENPRM_HOME") or ".genprm").resolve()


def usable_home() -> Path:
    """The home directory, created if it does not exist yet.

    Raises:
        SettingsError: it cannot be made, or nothing can be written to it.
    """
    place = home()
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(bytes(4096))
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingsError(
            f"GENPRM_HOME is {str(place)!r}: {reason}, allowed: a directory that can be written to"
        ) from None
    return place
