"""PRM800K as it was published: several completions of each step, rated 1, 0 or -1, one of which was continued.

The steps of the solution are the continued ones, those written by a human included; the others are alternatives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from genprm.data_sets.rows import bad_field, json_object, required, text_field
from genprm.formats.base import Alternative, Format, LabelledSolution, label_of, other_fields, rating

_STEPS = "a list of steps with completions"
_ANY = object()
"""Stands for a label where any label is accepted."""


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
            text, given = completion["text"], label_of(completion.get("rating"))
            if index == chosen:
                steps.append(text)
                labels.append(given)
            else:
                alternatives.append(Alternative(number, text, given))
        if chosen is None and step.get("human_completion") is not None:
            steps.append(text_field(json_object(step["human_completion"], place), "text", place))
            given = step["human_completion"].get("rating")
            labels.append(1 if given is None else label_of(given))
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
    kept, question = solution.further.get("label"), solution.further.get("question")
    label = dict(kept) if isinstance(kept, Mapping) else {}
    if not _fits(label.get("steps"), solution):
        label["steps"] = _rated(solution)
    steps = iter([(text, _wanted(solution, at)) for at, text in enumerate(solution.steps)])
    others = iter([(one.step, one.label) for one in _in_order(solution)])
    label["steps"] = [_with_texts(bare, steps, others) for bare in label["steps"]]
    asked = {**(question if isinstance(question, Mapping) else {}), "problem": solution.problem}
    return {**other_fields(solution.further, "question", "label"), "question": asked, "label": label}


def _in_order(solution: LabelledSolution) -> list[Alternative]:
    """Alternatives in the order of the steps that they replace."""
    return sorted(solution.alternatives, key=lambda one: one.at)


def _fits(rated: Any, solution: LabelledSolution) -> bool:
    """Whether the rated steps of a row have exactly one place for each step and alternative of the solution."""
    if not isinstance(rated, list) or not all(isinstance(step, Mapping) for step in rated):
        return False
    places = list(_places(rated))
    others = [number for number, own in places if not own]
    return len(places) - len(others) == len(solution.steps) and others == [one.at for one in _in_order(solution)]


def _places(rated: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, bool]]:
    """The number of the step that each completion is for, and whether the completion was continued."""
    for number, step in enumerate(rated):
        chosen = step.get("chosen_completion")
        for index in range(len(step.get("completions") or [])):
            yield number, index == chosen
        if chosen is None and step.get("human_completion") is not None:
            yield number, True


def _wanted(solution: LabelledSolution, at: int) -> Any:
    """The label that the rating of a step must stand for. Labels end at the first unlabelled step; behind it, the
    row may have any rating."""
    if at < len(solution.labels):
        return solution.labels[at]
    return None if at == len(solution.labels) else _ANY


def _rated(solution: LabelledSolution) -> list[dict[str, Any]]:
    """Rated steps without their texts, for a solution that was read from another format."""
    rated = []
    unrated = {"rating": None, "flagged": None}
    for at in range(len(solution.labels) + 1):
        own = [unrated] if at < len(solution.labels) else []
        completions = [*own, *(unrated for one in solution.alternatives if one.at == at)]
        chosen = 0 if own else None
        rated.append({"completions": completions, "human_completion": None, "chosen_completion": chosen})
    return [step for step in rated if step["completions"]]


def _with_texts(bare: Mapping[str, Any], steps: Any, others: Any) -> dict[str, Any]:
    step, chosen = dict(bare), bare.get("chosen_completion")
    if bare.get("completions"):
        step["completions"] = [
            _completion(one, *next(steps if index == chosen else others))
            for index, one in enumerate(bare["completions"])
        ]
    if bare.get("human_completion") is not None and chosen is None:
        text, wanted = next(steps)
        step["human_completion"] = _completion(bare["human_completion"], text, wanted, unrated=1)
    return step


def _completion(kept: Mapping[str, Any], text: str, wanted: Any, unrated: int | None = None) -> dict[str, Any]:
    """A completion as it was `kept`, with a new rating where its own does not stand for the label `wanted`."""
    given = kept.get("rating")
    said = unrated if given is None else label_of(given)
    if wanted is _ANY or said == wanted:
        return {"text": text, **kept}
    return {"text": text, **kept, "rating": None if wanted is None else rating(wanted)}


PRM800K = Format(_read, _write)
