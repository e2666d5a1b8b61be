"""OmegaPRM's trees: `reasoning_steps` is a node of `text`, `mc_value` and `children`; the root is the problem."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from genprm.data_sets.rows import InputError, bad_field, json_object, required, share_field, text_field
from genprm.formats.base import Format, LabelledSolution, other_fields
from genprm.formats.omegaprm import hard_label

_ROOT = "reasoning_steps"
_BRANCHES = "branches"
"""Which child each step of a solution is, from 0."""

Path = tuple[list[int], list[str], list[float]]
"""From the root to a leaf: which child each node is, their texts, their values."""


def _read(where: str, row: Mapping[str, Any]) -> list[LabelledSolution]:
    problem = text_field(row, "question", where)
    root = json_object(required(row, _ROOT, where, "a node"), f"{where}: field {_ROOT!r}")
    further = other_fields(row, "question", _ROOT)
    value = share_field(root, "mc_value", where)
    solutions = [
        LabelledSolution(
            problem,
            texts,
            [hard_label(one) for one in mc],
            {**further, _BRANCHES: branches},
            mc=mc,
            pass_at_1=value,
        )
        for branches, texts, mc in _paths(root, where)
        if texts
    ]
    if not solutions:
        raise InputError(f"{where}: the root has no children, allowed: a tree with steps")
    return solutions


def _paths(node: Mapping[str, Any], where: str) -> Iterator[Path]:
    children = required(node, "children", where, "a list of nodes")
    if not isinstance(children, list):
        raise bad_field(where, "children", children, "a list of nodes")
    if not children:
        yield [], [], []
    for index, one in enumerate(children):
        place = f"{where} child {index}"
        child = json_object(one, place)
        text, value = text_field(child, "text", place), share_field(child, "mc_value", place)
        for branches, texts, mc in _paths(child, place):
            yield [index, *branches], [text, *texts], [value, *mc]


def _write(solutions: Sequence[LabelledSolution]) -> list[dict[str, Any]]:
    first = solutions[0]
    root: dict[str, Any] = {"text": first.problem, "mc_value": first.pass_at_1, "children": []}
    for solution in solutions:
        _grow(root, solution)
    return [{"question": first.problem, _ROOT: root, **other_fields(first.further, _BRANCHES)}]


def _grow(root: dict[str, Any], solution: LabelledSolution) -> None:
    """Add the steps of a solution that the tree does not have yet."""
    node = root
    branches = solution.further.get(_BRANCHES, [len(root["children"]), *[0] * len(solution.steps)])
    for branch, step, mc in zip(branches, solution.steps, solution.mc, strict=False):
        if branch == len(node["children"]):
            node["children"].append({"text": step, "mc_value": mc, "children": []})
        node = node["children"][branch]


OMEGAPRM_TREE = Format(_read, _write, needs="mc")
