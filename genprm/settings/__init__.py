"""Everything that can be tuned, written down once: one typed section per artifact, defaults from the paper.

A profile is a YAML file that states what differs from these defaults (`genprm.profiles` reads one).
`assets.parameters` says which artifacts a changed value makes stale. Sections named in `OPERATIONAL` say how work
is done and not what comes out; a change in them makes nothing stale.
"""

from genprm.settings.base import Key, SamplingSettings, Section, SettingsError, Share, TurnMode
from genprm.settings.data import (
    MAIN_VARIANT,
    ImportedSet,
    LabelSettings,
    LabelVariant,
    MonteCarloSettings,
    ProblemSettings,
    RolloutTier,
    RowSettings,
    SequentialSettings,
    SolutionSettings,
)
from genprm.settings.evaluation import Aggregate, EvaluationSettings, RefinementSettings, ScalingSettings
from genprm.settings.machine import LIVE_PATHS, EngineSettings, RunnerSettings, SandboxSettings, TrackingSettings
from genprm.settings.profile import OPERATIONAL, Profile, home, usable_home
from genprm.settings.reinforcement import ReinforcementSettings
from genprm.settings.reward_models import DyveSettings, EurusSettings, JudgeSettings, ThinkSettings
from genprm.settings.search import Choice, GuidedSearchSettings, SearchSettings
from genprm.settings.training import LoraSettings, TrainingSettings
from genprm.settings.verification import FilterSettings, RationaleSettings, TurnFormat, VerifierSettings

__all__ = [
    "LIVE_PATHS",
    "MAIN_VARIANT",
    "OPERATIONAL",
    "Aggregate",
    "Choice",
    "DyveSettings",
    "EngineSettings",
    "EurusSettings",
    "EvaluationSettings",
    "FilterSettings",
    "GuidedSearchSettings",
    "ImportedSet",
    "JudgeSettings",
    "Key",
    "LabelSettings",
    "LabelVariant",
    "LoraSettings",
    "MonteCarloSettings",
    "ProblemSettings",
    "Profile",
    "RationaleSettings",
    "RefinementSettings",
    "ReinforcementSettings",
    "RolloutTier",
    "RowSettings",
    "RunnerSettings",
    "SamplingSettings",
    "SandboxSettings",
    "ScalingSettings",
    "SearchSettings",
    "Section",
    "SequentialSettings",
    "SettingsError",
    "Share",
    "SolutionSettings",
    "ThinkSettings",
    "TrackingSettings",
    "TrainingSettings",
    "TurnFormat",
    "TurnMode",
    "VerifierSettings",
    "home",
    "usable_home",
]
