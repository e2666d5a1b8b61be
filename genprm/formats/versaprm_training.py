"""VersaPRM's training files: several `chain_of_thoughts` of a question, each with steps, labels and other steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genprm.data_sets.rows import bad_field, json_object, required, text_field, texts_field
from genprm.formats.base import (
    Alternative,
    Format,
    LabelledSolution,
    label_of,
    other_fields,
    ratings,
    with_further,
)

_CHAINS = "chain_of_thoughts"
_ALLOWED = "a list of objects with steps, labels and augs"
_LABEL = "a label for each step: 1, 0 or -1"


def _read(where: str, row: Mapping[str, Any]) -> list[LabelledSolution]:
    chains = required(row, _CHAINS, where, _ALLOWED)
    if not isinstance(chains, list) or not chains:
        raise bad_field(where, _CHAINS, chains, _ALLOWED)
    problem = text_field(row, "question", where)
    return [
        _solution(
            problem, json_object(chain, where), f"{where} chain {index}", other_fields(row, "question", _CHAINS)
        )
        for index, chain in enumerate(chains)
    ]


def _solution(problem: str, chain: Mapping[str, Any], where: str, further: dict[str, Any]) -> LabelledSolution:
    steps, rated = texts_field(chain, "steps", where), required(chain, "labels", where, _LABEL)
    if not isinstance(rated, list) or len(rated) != len(steps):
        raise bad_field(where, "labels", rated, _LABEL)
    labels = [label for one in rated if (label := label_of(one)) is not None]
    if len(labels) != len(steps):
        raise bad_field(where, "labels", rated, _LABEL)
    augs = [json_object(one, where) for one in required(chain, "augs", where, "a list of objects")]
    alternatives = [_alternative(one, where, len(steps)) for one in augs]
    kept = {"ratings": rated, "alternative_ratings": [one["aug_type"] for one in augs]}
    return LabelledSolution(problem, steps, labels, {**further, **kept}, alternatives=alternatives)


def _alternative(aug: Mapping[str, Any], where: str, steps: int) -> Alternative:
    at, given = aug.get("aug_idx"), aug.get("aug_type")
    if type(at) is not int or not 0 <= at <= steps:
        raise bad_field(where, "aug_idx", at, f"the index of a step, 0 to {steps}")
    label = label_of(given)
    if label is None:
        raise bad_field(where, "aug_type", given, "1, 0 or -1")
    return Alternative(at, text_field(aug, "aug_step", where), label)


def _write(solutions: Sequence[LabelledSolution]) -> list[dict[str, Any]]:
    first = solutions[0]
    further = other_fields(first.further, "ratings", "alternative_ratings")
    # A solution without labelled steps has alternatives alone, each of which is a chain of its own.
    chains = [one for solution in solutions for one in ([solution] if solution.labels else solution.expanded())]
    return [with_further({"question": first.problem, _CHAINS: [_chain(one) for one in chains]}, further)]


def _chain(solution: LabelledSolution) -> dict[str, Any]:
    others = [one for one in solution.alternatives if one.label is not None and one.at <= len(solution.labels)]
    rated = ratings([one.label or 0 for one in others], solution.further.get("alternative_ratings"))
    return {
        "steps": solution.labelled_steps,
        "labels": ratings(solution.labels, solution.further.get("ratings")),
        "augs": [
            {"aug_step": one.step, "aug_idx": one.at, "aug_type": given}
            for one, given in zip(others, rated, strict=True)
        ],
    }


VERSAPRM_TRAINING = Format(_read, _write)
