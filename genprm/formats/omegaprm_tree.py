"""OmegaPRM's trees: `reasoning_steps` is a node of `text`, `mc_value` and `children`; the root is the problem."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from genprm.data_sets.rows import InputError, bad_field, json_object, required, share_field, text_field
from genprm.formats.base import Format, LabelledSolution, other_fields, with_further
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
    nodes: dict[tuple[Any, ...], dict[str, Any]] = {(): root}
    for number, solution in enumerate(solutions):
        _grow(nodes, solution, number)
    built = {"question": first.problem, _ROOT: root}
    return [with_further(built, other_fields(first.further, _BRANCHES))]


def _grow(nodes: dict[tuple[Any, ...], dict[str, Any]], solution: LabelledSolution, number: int) -> None:
    """Add the steps of a solution that the tree does not have yet. Nodes are identified by the branches that led to
    them in the row they were read from; a solution from another format becomes a branch of its own."""
    branches = solution.further.get(_BRANCHES)
    if not isinstance(branches, list) or len(branches) != len(solution.steps):
        branches = [f"solution {number}", *[0] * (len(solution.steps) - 1)]
    for depth, (step, mc) in enumerate(zip(solution.steps, solution.mc, strict=True)):
        parent, place = tuple(branches[:depth]), tuple(branches[: depth + 1])
        if place not in nodes:
            nodes[place] = {"text": step, "mc_value": mc, "children": []}
            nodes[parent]["children"].append(nodes[place])


OMEGAPRM_TREE = Format(_read, _write, needs="mc")
