"""PRM800K as it was published: several completions of each step, rated 1, 0 or -1, of which one was gone on from.

The steps of the solution are those that were gone on from, a human's included; the others are alternatives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genprm.data_sets.rows import bad_field, json_object, required, text_field
from genprm.formats.base import RATINGS, Alternative, Format, LabelledSolution, other_fields, rating

_STEPS = "a list of steps with completions"


def _read(where: str, row: Mapping[str, Any]) -> list[LabelledSolution]:
    question = json_object(required(row, "question", where, "an object"), f"{where}: field 'question'")
    label = json_object(required(row, "label", where, "an object"), f"{where}: field 'label'")
    rated = required(label, "steps", where, _STEPS)
    if not isinstance(rated, list):
        raise bad_field(where, "label.steps", rated, _STEPS)
    steps: list[str] = []
    labels: list[int | None] = []
    alternatives: list[Alternative] = []
    for number, one in enumerate(rated):
        place = f"{where} step {number + 1}"
        step = json_object(one, place)
        chosen = step.get("chosen_completion")
        for index, completion in enumerate(_completions(step, place)):
            text, given = completion["text"], _label(completion.get("rating"))
            if index == chosen:
                steps.append(text)
                labels.append(given)
            else:
                alternatives.append(Alternative(number, text, given))
        if chosen is None and step.get("human_completion") is not None:
            steps.append(text_field(json_object(step["human_completion"], place), "text", place))
            labels.append(1)
    known = labels.index(None) if None in labels else len(labels)
    further = {
        **other_fields(row, "question", "label"),
        "question": other_fields(question, "problem"),
        "label": {**label, "steps": [_without_texts(step) for step in rated]},
    }
    problem = text_field(question, "problem", where)
    return [
        LabelledSolution(
            problem, steps, [one for one in labels[:known] if one is not None], further, alternatives=alternatives
        )
    ]


def _completions(step: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    completions = step.get("completions") or []
    if not isinstance(completions, list):
        raise bad_field(where, "completions", completions, "a list of objects with text and rating")
    rows = [json_object(one, where) for one in completions]
    for row in rows:
        text_field(row, "text", where)
    return rows


def _label(given: Any) -> int | None:
    return None if given is None else RATINGS.get(given)


def _without_texts(step: Mapping[str, Any]) -> dict[str, Any]:
    """A step of the row without the texts of its completions."""
    completions, human = step.get("completions"), step.get("human_completion")
    bare = dict(step)
    if completions:
        bare["completions"] = [other_fields(one, "text") for one in completions]
    if human is not None:
        bare["human_completion"] = other_fields(human, "text")
    return bare


def _write(solutions: Sequence[LabelledSolution]) -> list[dict[str, Any]]:
    return [_row(solution) for solution in solutions]


def _row(solution: LabelledSolution) -> dict[str, Any]:
    further = dict(solution.further)
    label = dict(further.pop("label", None) or {"steps": _rated(solution)})
    steps, others = iter(solution.steps), iter(solution.alternatives)
    label["steps"] = [_with_texts(bare, steps, others) for bare in label["steps"]]
    question = {"problem": solution.problem, **further.pop("question", {})}
    return {**further, "question": question, "label": label}


def _rated(solution: LabelledSolution) -> list[dict[str, Any]]:
    """Steps without their texts, for a solution that comes from elsewhere."""
    rated = []
    for at, label in enumerate(solution.labels):
        others = [_rating(one.label) for one in solution.alternatives if one.at == at]
        rated.append({"completions": [_rating(label), *others], "human_completion": None, "chosen_completion": 0})
    return rated


def _rating(label: int | None) -> dict[str, Any]:
    return {"rating": None if label is None else rating(label), "flagged": None}


def _with_texts(bare: Mapping[str, Any], steps: Any, others: Any) -> dict[str, Any]:
    step, chosen = dict(bare), bare.get("chosen_completion")
    if bare.get("completions"):
        step["completions"] = [
            {"text": next(steps) if index == chosen else next(others).step, **one}
            for index, one in enumerate(bare["completions"])
        ]
    if bare.get("human_completion") is not None and chosen is None:
        step["human_completion"] = {"text": next(steps), **bare["human_completion"]}
    return step


PRM800K = Format(_read, _write)
