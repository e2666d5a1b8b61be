"""Parameters as assets: what each artifact depends on in the profile, partition by partition.

`parameters/<section>` is an external asset whose data version is a fingerprint of the values that matter. It is
reported, not materialized, so a changed value makes exactly the artifacts that read it stale. Values that only say
how many partitions there are (shards, training modes) or how work is done (engine, sandbox) are in no fingerprint.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from assets.artifact import OWNERS
from assets.partitions import Pipeline
from genprm.data_sets.files import file_version, names_file
from genprm.engines.versions import weights_version
from genprm.fingerprints import fingerprint
from genprm.lineup import Model
from genprm.modes import Mode
from genprm.settings import ImportedSet, Profile, RowSettings, Section

CASES, VERIFICATION, ESCALATION, INTERVALS = "cases", "verification", "escalation", "intervals"
"""The things that the evaluation section decides; each is a partition of `parameters/evaluation`."""

CANDIDATES, REWARDS, CHOICE = "candidates", "rewards", "choice"
"""The three things that the scaling section decides; each is a partition of `parameters/scaling`."""

PARAMETERS = "parameters"
"""The first part of the key of each section, and the asset group of all sections."""

ONLY = "all"
"""Partition of a section that has one version for everything."""

FILE = "file"
"""The `source` of rows that come from a file, whose content is part of the version, too."""

IMPORTED = "imported"
"""The section of an imported set that the run starts from, given in `training.source` or `labels.source`."""

WHICH_MODELS = ("base", "modes", "variants", "discriminative", "think", "outcome", "shares", "source", "rl")
"""Values of the training section that say which models there are and where their training set is from, and affect
nothing else about a model."""

OPERATIONAL = ("kept_paths", "processes", "nodes", "padding_free")
"""Values of the evaluation and training sections that affect no result."""

_DESCRIPTIONS = {
    "problems": "Which problems are used.",
    "solutions": "Policy model, prompt and sampling of the solutions.",
    "monte_carlo": "Completion model, prompt, sampling and number of rollouts.",
    IMPORTED: "The set of others that the run starts from, and its content.",
    "labels": "Estimator and threshold of each label variant.",
    "rationales": "Rationale model, mode and verification loop.",
    "consensus": "Balance and share of the training set.",
    "training": "Fine-tuning recipe of each model.",
    "evaluation": "Benchmark cases, verification loop with its votes, and intervals.",
    "refinement": "Refinement: critics, wording, sampling and turns.",
    "search": "Search: methods' settings, budgets, and the verification of steps.",
    "scaling": "Best-of-N: problems, policy and candidates, and the verification of them.",
}


@dataclass(frozen=True, slots=True)
class Version:
    """The values that matter to one partition, and their fingerprint (16 hex digits)."""

    values: Mapping[str, Any]

    @property
    def fingerprint(self) -> str:
        return fingerprint(json.dumps(self.values, sort_keys=True))


def _values(section: Section, *without: str) -> dict[str, Any]:
    return section.model_dump(mode="json", exclude=set(without))


def _with_weights(section: Section, model: str) -> Version:
    return Version({**_values(section), "weights": weights_version(model)})


def recipe(profile: Profile, model: Model) -> Version:
    """What a checkpoint depends on besides its training set. A reference is only its weights and mode."""
    values: dict[str, Any] = {"weights": weights_version(model.weights), "mode": model.judging}
    if model.share < 1:
        values["share"] = model.share
    if model.trained:
        values |= {
            **_values(profile.training, *WHICH_MODELS, *OPERATIONAL),
            "mask_code_output": profile.consensus.mask_code_output,
            "format": _values(profile.rationales.verifier.format),
        }
    if model.recipe.further:
        assert profile.training.rl is not None
        values |= {
            "rl": _values(profile.training.rl),
            "verifier": profile.rationales.verifier.deciding(model.mode),
        }
    return Version(values)


def _cases(profile: Profile) -> Version:
    evaluation = profile.evaluation
    judging = ("votes", "other_votes", "other_modes", "threshold", "bootstrap", "verifier")
    values = _values(evaluation, *judging, *OPERATIONAL)
    if evaluation.source == FILE:
        values |= _content(evaluation.rows)
    if evaluation.source == "miniature":
        policy = _values(profile.solutions, "wanted_correct", "wanted_incorrect", "batch", "max_samples", "seed")
        values |= {"policy": policy, "weights": weights_version(profile.solutions.model)}
    return Version(values)


def _problems(profile: Profile) -> Version:
    problems = profile.problems
    content = _content(problems.rows) if problems.source == FILE else {}
    return Version({**_values(problems, "shards"), **content})


def _imported(source: ImportedSet) -> Version:
    content = _content(source) if names_file(source.data or "") else {}
    return Version({**_values(source), **content})


def _content(rows: RowSettings) -> dict[str, str]:
    return {"content": file_version(rows.data or "")}


def parameter_versions(pipeline: Pipeline) -> dict[str, dict[str, Version]]:
    """Section -> partition -> version."""
    profile = pipeline.profile
    evaluation, rationales = profile.evaluation, profile.rationales
    verifier = evaluation.verifier.deciding(Mode.FULL)
    escalation = {"tau": evaluation.verifier.tau}
    of_cases = ("source", "subsets", "rows", "limit", "seed")
    versions = {
        "problems": {ONLY: _problems(profile)},
        "solutions": {ONLY: _with_weights(profile.solutions, profile.solutions.model)},
        "monte_carlo": {ONLY: _with_weights(profile.monte_carlo, profile.monte_carlo.model)},
        "labels": {name: Version(_values(profile.labels.variant(name))) for name in profile.labels.variant_names()},
        "rationales": {ONLY: Version({**rationales.deciding(), "weights": weights_version(rationales.model)})},
        "consensus": {ONLY: Version(_values(profile.consensus, "mask_code_output"))},
        "training": {model.key: recipe(profile, model) for model in pipeline.lineup.models},
        "evaluation": {
            CASES: _cases(profile),
            VERIFICATION: Version(
                {
                    **_values(evaluation, *of_cases, "bootstrap", "other_modes", *OPERATIONAL),
                    "verifier": verifier,
                }
            ),
            ESCALATION: Version(escalation),
            INTERVALS: Version(
                {
                    "bootstrap": evaluation.bootstrap,
                    "threshold": evaluation.threshold,
                    **(escalation if pipeline.lineup.otherwise else {}),
                }
            ),
        },
    }
    if profile.given is not None:
        versions = {IMPORTED: {ONLY: _imported(profile.given)}, **versions}
        for section in ("problems", "solutions", "monte_carlo", "labels"):
            del versions[section]
    if profile.scaling.sets:
        versions["scaling"] = _scaling(profile)
    if profile.refinement.sets:
        values = _values(profile.refinement, "sets")
        judged = {"verifier": verifier, "threshold": evaluation.threshold}
        versions["refinement"] = {ONLY: Version({**values, **judged})}
    if profile.search.sets:
        values = _values(profile.search, "sets", "methods")
        versions["search"] = {
            ONLY: Version({**values, "verifier": evaluation.verifier.deciding(profile.search.mode)})
        }
    return versions


def _scaling(profile: Profile) -> dict[str, Version]:
    scaling = profile.scaling
    drawn = {**_values(scaling, "sets", "votes", "aggregate"), "weights": weights_version(scaling.model)}
    return {
        CANDIDATES: Version(drawn),
        REWARDS: Version({"votes": scaling.votes, "verifier": profile.evaluation.verifier.deciding(Mode.FULL)}),
        CHOICE: Version({"aggregate": scaling.aggregate}),
    }


def parameter_key(section: str) -> dg.AssetKey:
    """The key of `parameters/<section>`."""
    return dg.AssetKey([PARAMETERS, section])


def define(pipeline: Pipeline) -> list[dg.AssetSpec]:
    """The external assets, with their values shown. One with a single version has one partition, because Dagster
    ignores what is reported about an external asset without partitions."""
    return [
        dg.AssetSpec(
            parameter_key(section),
            partitions_def=dg.StaticPartitionsDefinition(list(versions)),
            group_name=PARAMETERS,
            kinds={"yaml"},
            owners=OWNERS,
            description=f"{_DESCRIPTIONS[section]} Section `{section}` of profile `{pipeline.profile.name}`; "
            "its data version is a fingerprint of the values.",
        )
        for section, versions in parameter_versions(pipeline).items()
    ]


def reads(section: str, part: str | dg.PartitionMapping = ONLY) -> dg.AssetDep:
    """The dependency of an artifact on a section: on one of its partitions, or by a mapping."""
    mapping = dg.SpecificPartitionsPartitionMapping([part]) if isinstance(part, str) else part
    return dg.AssetDep(parameter_key(section), partition_mapping=mapping)
