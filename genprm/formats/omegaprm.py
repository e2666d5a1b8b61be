"""OmegaPRM's flat records: `reasoning_steps` of `solution_prefix` (problem and steps as one text) and `mc_value`.

The records of a problem are the nodes of one tree. A solution is a path from the problem to a prefix that no other
prefix extends.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from genprm.data_sets.rows import InputError, bad_field, json_object, required, share_field, text_field
from genprm.formats.base import Format, LabelledSolution, other_fields, with_further

_NODES = "reasoning_steps"
_ALLOWED = "a list of objects with solution_prefix and mc_value"
_PLACES = ("positions", "leads")
_LEAD = "\n\n"


def hard_label(mc: float) -> int:
    """1 when some rollout reached the answer."""
    return int(mc > 0)


def _read(where: str, row: Mapping[str, Any]) -> list[LabelledSolution]:
    nodes = required(row, _NODES, where, _ALLOWED)
    if not isinstance(nodes, list) or not nodes:
        raise bad_field(where, _NODES, nodes, _ALLOWED)
    problem = text_field(row, "question", where)
    prefixes, values = [], []
    for index, node in enumerate(nodes):
        place = f"{where}: {_NODES}[{index}]"
        entry = json_object(node, place)
        prefixes.append(text_field(entry, "solution_prefix", place))
        values.append(share_field(entry, "mc_value", place))
        if not prefixes[-1].startswith(problem):
            raise InputError(f"{place}: field 'solution_prefix' does not begin with the question")
    parents = [_parent(prefixes, index) for index in range(len(prefixes))]
    paths = [
        _path(parents, leaf) for leaf in range(len(nodes)) if leaf not in parents and prefixes[leaf] != problem
    ]
    if not paths:
        raise InputError(f"{where}: no prefix goes beyond the question")
    further = other_fields(row, "question", _NODES)
    return [_solution(problem, path, prefixes, values, further) for path in paths]


def _parent(prefixes: Sequence[str], index: int) -> int | None:
    """The index of the longest prefix that this one extends; of equal ones the first; None where there is none."""
    text = prefixes[index]
    shorter = [at for at, other in enumerate(prefixes) if len(other) < len(text) and text.startswith(other)]
    return max(shorter, key=lambda at: len(prefixes[at]), default=None)


def _path(parents: Sequence[int | None], leaf: int) -> list[int]:
    """The nodes from the root to a leaf."""
    path: list[int] = []
    at: int | None = leaf
    while at is not None:
        path.insert(0, at)
        at = parents[at]
    return path


def _solution(
    problem: str, path: list[int], prefixes: Sequence[str], values: Sequence[float], further: dict[str, Any]
) -> LabelledSolution:
    rooted = prefixes[path[0]] == problem
    texts = [problem, *(prefixes[at] for at in path[rooted:])]
    added = [longer.removeprefix(shorter) for shorter, longer in itertools.pairwise(texts)]
    steps = [text.lstrip() for text in added]
    leads = [text[: len(text) - len(step)] for text, step in zip(added, steps, strict=True)]
    mc = [values[at] for at in path[rooted:]]
    places = {"positions": path if rooted else [None, *path], "leads": leads}
    return LabelledSolution(
        problem,
        steps,
        [hard_label(value) for value in mc],
        {**further, **places},
        mc=mc,
        pass_at_1=values[path[0]] if rooted else None,
    )


def _write(solutions: Sequence[LabelledSolution]) -> list[dict[str, Any]]:
    first = solutions[0]
    nodes: dict[int, dict[str, Any]] = {}
    for solution in solutions:
        positions, leads = _places(solution, max(nodes, default=-1) + 1)
        prefix = solution.problem
        if positions[0] is not None and solution.pass_at_1 is not None:
            nodes[positions[0]] = {"solution_prefix": prefix, "mc_value": solution.pass_at_1}
        for at, lead, step, mc in zip(positions[1:], leads, solution.steps, solution.mc, strict=True):
            prefix += lead + step
            nodes[at] = {"solution_prefix": prefix, "mc_value": mc}
    built = {"question": first.problem, _NODES: [nodes[at] for at in sorted(nodes)]}
    return [with_further(built, other_fields(first.further, *_PLACES))]


def _places(solution: LabelledSolution, free: int) -> tuple[Sequence[Any], Sequence[str]]:
    """The positions of a solution's nodes, and the white space before its steps: as in the row that it was read
    from, if there was one with as many steps; else positions from `free` on, and blank lines."""
    steps = len(solution.steps)
    positions, leads = (solution.further.get(name) for name in _PLACES)
    if not isinstance(positions, list) or not isinstance(leads, list):
        positions = leads = []
    if (len(positions), len(leads)) == (steps + 1, steps):
        return positions, leads
    return range(free, free + steps + 1), [_LEAD] * steps


OMEGAPRM = Format(_read, _write, needs="mc")
