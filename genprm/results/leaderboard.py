"""Every number of a run, computed from its tables.

>>> from genprm.lineup import Lineup
>>> from genprm.profiles import load_profile
>>> from genprm.store import profile_store
>>> results = measure_run(Lineup(load_profile("miniature")), profile_store("miniature"))  # doctest: +SKIP
>>> [(claim.name, claim.verdict) for claim in results.claims]  # doctest: +SKIP
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from genprm.checkpoints import read_checkpoint
from genprm.data_sets.problems import shard_keys
from genprm.lineup import Lineup, Model
from genprm.manifest import read_manifest
from genprm.records import Prediction, SampledProblem
from genprm.results.best_of_n import best_of_n_claims, best_of_n_measures
from genprm.results.budget import budget_measures
from genprm.results.calibration import calibration_measures
from genprm.results.claims import Claim, judging_claims
from genprm.results.escalation import escalation_measures
from genprm.results.evidence import evidence_measures
from genprm.results.judges import judge_measures, policy_measures
from genprm.results.label_quality import label_claims
from genprm.results.measures import Measure
from genprm.results.paper_tables import PaperTables
from genprm.results.refinement import refinement_measures
from genprm.results.search import search_measures
from genprm.store import TableStore, partition_key


class Results(NamedTuple):
    """What a run ends with: its numbers, and what they say about the orderings that the paper claims."""

    measures: list[Measure]
    claims: list[Claim]


def measure_run(lineup: Lineup, store: TableStore) -> Results:
    """All measures and claims that the profile has the artifacts for.

    Raises:
        MissingTable: an artifact of the profile was not made yet.
    """
    predictions = read_predictions(lineup, store)
    imported = lineup.profile.training.source is not None
    sampled = lineup.profile.given is None
    variants = [] if imported else lineup.profile.labels.variant_names()
    labels = [row for variant in variants for row in store.read(Measure, "label_quality", variant)]
    judged = judge_measures(lineup, predictions)
    tables = PaperTables(lineup, [*labels, *judged], predictions, _conversations(lineup, store))
    escalated, escalation_claims = escalation_measures(lineup, predictions)
    refined, refinement_claims = refinement_measures(lineup, store)
    searched, search_claims = search_measures(lineup, store)
    measures = [
        *(policy_measures(_sampled_problems(lineup, store)) if sampled else []),
        *labels,
        *judged,
        *calibration_measures(lineup, predictions),
        *tables.rows(),
        *best_of_n_measures(lineup, store, predictions),
        *escalated,
        *budget_measures(lineup, store),
        *refined,
        *searched,
        *evidence_measures(lineup, store, predictions),
    ]
    claims = [
        *judging_claims(lineup, predictions),
        *(label_claims(lineup, store) if sampled else []),
        *best_of_n_claims(lineup, store, predictions),
        *escalation_claims,
        *refinement_claims,
        *search_claims,
    ]
    return Results(measures, claims)


def read_predictions(lineup: Lineup, store: TableStore) -> dict[str, list[Prediction]]:
    """Every model's predictions for the benchmark cases, by the model's key."""
    return {model.key: _predictions_of(lineup, store, model) for model in lineup.judges}


def _predictions_of(lineup: Lineup, store: TableStore, model: Model) -> list[Prediction]:
    if not model.as_trained:
        return store.read(Prediction, "judged_otherwise", model.key)
    keys = [partition_key(model.key, subset) for subset in lineup.profile.evaluation.subsets]
    return [row for key in keys for row in store.read(Prediction, "processbench", key)]


def _conversations(lineup: Lineup, store: TableStore) -> dict[str, int]:
    """How many conversations each trained model saw."""
    trained = [model.key for model in lineup.models if model.trained]
    manifests = {key: read_manifest(Path(read_checkpoint(store, key).weights)) for key in trained}
    return {key: manifest.examples or 0 for key, manifest in manifests.items() if manifest is not None}


def _sampled_problems(lineup: Lineup, store: TableStore) -> list[SampledProblem]:
    shards = shard_keys(lineup.profile.problems.shards)
    return [row for shard in shards for row in store.read(SampledProblem, "sampled_problems", shard)]
