"""Trained models in MLflow's registry: one per profile, a version per checkpoint, and its champion."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from genprm.evaluation.metrics import Judged
from genprm.evaluation.promotion import Contender, successor
from orchestration.past_runs import keep_text, known_run

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

CHAMPION = "champion"
JUDGED = "judged.json"
"""The artifact of a checkpoint's run that holds its predictions for the benchmark, for comparisons case by case."""
FINGERPRINT = "genprm/fingerprint"
MODEL = "genprm/model"
F1 = "genprm/f1"

_JUDGED = TypeAdapter(list[Judged])


def alias_of(model: str) -> str:
    """The alias of a model's newest version: MLflow allows no dots in it.

    >>> alias_of("r1-distill-1.5b.main.full")
    'r1-distill-1_5b_main_full'
    """
    return "".join(sign if sign.isalnum() or sign in "-_" else "_" for sign in model)


def logged_model(client: MlflowClient, experiment: str, run_id: str) -> LoggedModel | None:
    """The logged model that a run made; None where it made none."""
    found = client.search_logged_models([experiment], filter_string=f"source_run_id = '{run_id}'")
    return found[0] if found else None


class ModelRegistry:
    """The registered model of a profile. A version is a checkpoint with a logged model."""

    def __init__(self, client: MlflowClient, experiment: str, profile: str) -> None:
        self._client = client
        self._experiment = experiment
        self._name = profile

    def register(self, contenders: Sequence[Contender], resamples: int) -> str | None:
        """Register the checkpoints that are new, move aliases, and return the name of the champion's model.

        The alias `champion` moves only when `genprm.evaluation.promotion.successor` names a new one. A checkpoint
        whose run has no logged model is left out; None where there is no champion.
        """
        self._make()
        before = self._champion()
        numbers = {one.model: self._version_of(one) for one in contenders}
        registered = [one for one in contenders if numbers[one.model]]
        for one in registered:
            keep_text(self._client, one.run_id, json.dumps([asdict(case) for case in one.judged]), JUDGED)
            self._client.set_model_version_tag(self._name, numbers[one.model], F1, f"{one.f1:.2f}")
            self._client.set_registered_model_alias(self._name, alias_of(one.model), numbers[one.model])
        chosen = successor(registered, self._judged_by(before, registered), resamples)
        if chosen is None:
            return None if before is None else str(before.tags[MODEL])
        self._client.set_registered_model_alias(self._name, CHAMPION, numbers[chosen.model])
        return chosen.model

    def _make(self) -> None:
        if not self._client.search_registered_models(f"name = '{self._name}'"):
            self._client.create_registered_model(self._name, description=f"Verifiers of the profile {self._name}.")

    def _champion(self) -> Any:
        """The version that is the champion; None where there is none."""
        aliases = self._client.get_registered_model(self._name).aliases
        return self._client.get_model_version_by_alias(self._name, CHAMPION) if CHAMPION in aliases else None

    def _version_of(self, contender: Contender) -> str:
        """The number of a checkpoint's version, made where it is new; empty where its run has no logged model."""
        versions = self._client.search_model_versions(f"name = '{self._name}'")
        same = (one for one in versions if one.tags.get(FINGERPRINT) == contender.version)
        found = next((one for one in same if one.tags.get(MODEL) == contender.model), None)
        if found is not None:
            return str(found.version)
        logged = logged_model(self._client, self._experiment, contender.run_id)
        if logged is None:
            return ""
        made = self._client.create_model_version(
            self._name,
            # For `models:/...` MLflow would look in this process's default store, which may be another one.
            source=logged.artifact_location,
            run_id=contender.run_id,
            model_id=logged.model_id,
            tags={
                FINGERPRINT: contender.version,
                MODEL: contender.model,
                "checkpoint": logged.tags["checkpoint"],
            },
        )
        return str(made.version)

    def _judged_by(self, champion: Any, contenders: Sequence[Contender]) -> Sequence[Judged] | None:
        """The champion's predictions for the benchmark: those just measured, or else those kept with its run."""
        if champion is None:
            return None
        for one in contenders:
            if (one.version, one.model) == (champion.tags[FINGERPRINT], champion.tags[MODEL]):
                return one.judged
        there = known_run(self._client, champion.run_id) is not None
        if not there or JUDGED not in {file.path for file in self._client.list_artifacts(champion.run_id)}:
            return []  # lost with a home that was moved: nothing can be compared, and the champion stays
        kept = Path(self._client.download_artifacts(champion.run_id, JUDGED))
        return _JUDGED.validate_json(kept.read_bytes())
