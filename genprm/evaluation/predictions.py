"""Reads predictions of any model from rows, for scoring (`genprm score`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genprm.data_sets.processbench import SUBSETS
from genprm.data_sets.rows import (
    InputError,
    Row,
    bad_field,
    id_field,
    names,
    shares_field,
    shown,
    text_field,
    whole_field,
)
from genprm.records import NO_ERROR
from genprm.verification.rewards import first_error

DEFAULT_SUBSET = "all"
"""Subset of rows that name none."""


@dataclass(frozen=True, slots=True)
class PredictionRow:
    """A case's label and prediction; prediction None is never right."""

    id: str
    subset: str
    label: int
    prediction: int | None


@dataclass(frozen=True, slots=True)
class RewardedRow:
    """A case's label and the rewards of its steps, which may end early."""

    label: int
    rewards: list[float]


def _named_in(identity: str) -> str:
    """The subset that an id of ProcessBench begins with."""
    subset, _, number = identity.rpartition("-")
    return subset if subset in SUBSETS and number.isdigit() else DEFAULT_SUBSET


def _label(row: Mapping[str, Any], where: str) -> int:
    return whole_field(row, "label", where, NO_ERROR, None, f"a whole number from {NO_ERROR} (no error)")


def _complete(rewards: Sequence[float]) -> bool:
    """Whether the rewards surely cover all steps: they may not if only the last one is below the threshold."""
    return first_error(rewards) != len(rewards) - 1


def _from_rewards(row: Mapping[str, Any], label: int, where: str) -> int:
    rewards = shares_field(row, "rewards", where)
    if label >= len(rewards) and _complete(rewards):
        raise bad_field(where, "label", label, f"{NO_ERROR} or a step index below the {len(rewards)} rewards")
    return first_error(rewards)


def _prediction(row: Mapping[str, Any], label: int, where: str) -> int | None:
    if "prediction" in row:
        allowed = f"a whole number from {NO_ERROR} (no error), or null"
        if row["prediction"] is None:
            return None
        return whole_field(row, "prediction", where, NO_ERROR, None, allowed)
    if "rewards" in row:
        return _from_rewards(row, label, where)
    found = names(row)
    raise InputError(f"{where}: field 'prediction' is missing, allowed: 'prediction' or 'rewards' (found: {found})")


def parse_predictions(placed: Iterable[Row], source: str) -> list[PredictionRow]:
    """Rows `{"id", "subset"?, "label", "prediction": int | null}`, or with `"rewards": [float]` for a prediction.

    With rewards the prediction is the first index below 0.5, else -1; where both are given, `prediction` counts.
    Without a subset, it is taken from an id in ProcessBench's form (`gsm8k-0`). Other fields are ignored.

    Raises:
        InputError: a row has another form, an id comes twice in a subset, or there are no rows.
    """
    rows: list[PredictionRow] = []
    seen: dict[tuple[str, str], str] = {}
    for where, row in placed:
        identity = id_field(row, where)
        subset = _named_in(identity) if row.get("subset") is None else text_field(row, "subset", where)
        label = _label(row, where)
        if (subset, identity) in seen:
            raise InputError(f"{where}: id {shown(identity)} is already used at {seen[subset, identity]}")
        seen[subset, identity] = where
        rows.append(PredictionRow(identity, subset, label, _prediction(row, label, where)))
    if not rows:
        raise InputError(f"{source}: no predictions, allowed: at least one JSON line")
    return rows


def parse_rewarded(placed: Iterable[Row]) -> list[RewardedRow]:
    """Rows `{"label", "rewards": [float]}`, as of predictions; other fields are ignored.

    Raises:
        InputError: a row has another form.
    """
    return [RewardedRow(_label(row, where), shares_field(row, "rewards", where)) for where, row in placed]
