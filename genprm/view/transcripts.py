"""What a page of transcripts shows: cases, labels, rewards and, where they were kept, the texts of the paths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genprm.data_sets.rows import InputError, Row, names, shares_field, shown, text_field, texts_field, whole_field
from genprm.records import NO_ERROR, Prediction, Rationale, StepLabels, StepScores, StepVerification, Verification
from genprm.tables import read_rows
from genprm.verification.rewards import first_error

if TYPE_CHECKING:
    from genprm.verification.voting import Result

Case = dict[str, Any]
"""A case as the page reads it: `id, model, problem, steps, label, prediction, rewards, paths` and, where known,
`mc` and `progress` per step. `label` and `prediction` are 0-based step indices, -1 for none, None for unknown. Each
path is a list with an object per judged step, whose texts are missing where they were not kept."""

STEP_FIELDS = ("reward", "verdict", "analysis", "code", "output", "executions", "forced")


def judged_step(step: StepVerification) -> dict[str, Any]:
    """A judged step with its texts."""
    return {name: getattr(step, name) for name in STEP_FIELDS}


def from_result(row: Mapping[str, Any], result: Result, model: str) -> Case:
    """A solution that was just judged, with the texts of all its paths."""
    return {
        **_solution(row, model),
        "prediction": result.first_error,
        "rewards": result.rewards,
        "paths": [[judged_step(step) for step in path.steps] for path in result.paths],
    }


KeptPaths = Mapping[int, Verification]
"""Paths over one solution as they were kept, by number."""


def from_prediction(prediction: Prediction, model: str, kept: KeptPaths | None = None) -> Case:
    """A prediction for a benchmark case, with its kept paths; of a path that was not kept, only the rewards."""
    paths = enumerate(prediction.path_rewards)
    return {
        "id": prediction.id,
        "model": model,
        "problem": prediction.problem,
        "steps": prediction.steps,
        "label": prediction.label,
        "prediction": prediction.prediction,
        "rewards": prediction.rewards,
        "paths": [_kept_steps(kept[number]) if kept and number in kept else _bare(path) for number, path in paths],
    }


def from_rationale(rationale: Rationale, labels: StepLabels | None, scores: StepScores | None) -> Case:
    """A verification by the rationale model; the label is the first error by Monte-Carlo estimation."""
    steps = rationale.verification.steps
    return {
        "id": rationale.solution_id,
        "model": "rationales",
        "problem": rationale.problem,
        "steps": rationale.steps,
        "label": None if labels is None else labels.first_error,
        "prediction": rationale.judged_first_error,
        "rewards": [step.reward for step in steps],
        "paths": [[judged_step(step) for step in steps]],
        **({} if scores is None else {"mc": scores.mc}),
        **({} if labels is None else {"progress": labels.progress}),
    }


def _bare(path: Sequence[float]) -> list[dict[str, Any]]:
    return [{"reward": reward} for reward in path]


def _kept_steps(path: Verification) -> list[dict[str, Any]]:
    """The judged steps of a path. Texts are left out where a step has none, because it was judged before texts were
    kept: a turn is never empty."""
    unwritten = ("analysis", "code", "output")
    return [
        {name: value for name, value in judged_step(step).items() if step.text or name not in unwritten}
        for step in path.steps
    ]


def from_rows(rows: Iterable[Row]) -> list[Case]:
    """Cases from rows `{"problem", "steps", "rewards"}` with, where known, `id`, `model`, `label`, `prediction`,
    `path_rewards`, `rationale` or `paths` as `genprm judge --json` writes them, `mc` and `progress`.

    Raises:
        InputError: a row lacks a field, or one of them is of another kind.
    """
    return [_from_row(where, row) for where, row in rows]


def from_table(path: Path, model: str) -> list[Case]:
    """The predictions of one Parquet file."""
    return [from_prediction(prediction, model) for prediction in read_rows(Prediction, path)]


def _solution(row: Mapping[str, Any], model: str) -> Case:
    known = {name: row[name] for name in ("mc", "progress") if name in row}
    return {
        "id": str(row.get("id", "")),
        "model": str(row.get("model", model)),
        "problem": row["problem"],
        "steps": list(row["steps"]),
        "label": row.get("label"),
        **known,
    }


def _from_row(where: str, row: Mapping[str, Any]) -> Case:
    text_field(row, "problem", where)
    steps = texts_field(row, "steps", where)
    rewards = shares_field(row, "rewards", where)
    for name in ("label", "prediction"):
        if row.get(name) is not None:
            allowed = f"a step index below {len(steps)}, or {NO_ERROR}"
            whole_field(row, name, where, NO_ERROR, len(steps) - 1, allowed)
    for name in ("mc", "progress"):
        if name in row and not _numbers(row[name]):
            raise InputError(f"{where}: field {name!r} is {shown(row[name])}, allowed: a list of numbers")
    prediction = row.get("prediction", row.get("first_error", first_error(rewards)))
    return {
        **_solution(row, ""),
        "prediction": prediction,
        "rewards": rewards,
        "paths": _paths(where, row, rewards),
    }


def _numbers(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, int | float) for one in value)


def _paths(where: str, row: Mapping[str, Any], rewards: Sequence[float]) -> list[list[dict[str, Any]]]:
    if "paths" in row:
        found: list[Any] = [
            path.get("rationale") if isinstance(path, dict) else path for path in _list(where, row, "paths")
        ]
    elif "rationale" in row:
        found = [row["rationale"]]
    elif "path_rewards" in row:
        found = [[{"reward": one} for one in path] for path in _list(where, row, "path_rewards")]
    else:
        found = [[{"reward": one} for one in rewards]]
    for number, path in enumerate(found):
        if not isinstance(path, list) or not all(isinstance(step, dict) and _judged(step) for step in path):
            raise InputError(
                f"{where}: path {number + 1} is {shown(path)}, allowed: a list with an object per step"
            )
    return found


def _list(where: str, row: Mapping[str, Any], name: str) -> list[Any]:
    value = row[name]
    inner = isinstance(value, list) and all(isinstance(one, list | dict) for one in value)
    if not inner:
        raise InputError(
            f"{where}: field {name!r} is {shown(value)}, allowed: a list of paths (found: {names(row)})"
        )
    return list(value)


def _judged(step: Mapping[str, Any]) -> bool:
    texts = all(isinstance(step.get(name, ""), str) for name in ("analysis", "code", "output", "verdict"))
    return texts and isinstance(step.get("reward"), int | float) and isinstance(step.get("executions", []), list)
