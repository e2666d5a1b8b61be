"""What a format is: a way to read a row, and to write it again."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from genprm.data_sets.rows import (
    InputError,
    Row,
    bad_field,
    json_object,
    named,
    required,
    share_field,
    shares_field,
    shown,
    text_field,
    texts_field,
)
from genprm.records import NO_ERROR
from genprm.registry import FORMATS
from genprm.reward_models.layouts import numbered


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another step in the place of step `at` (0-based). Its label is 1 (right), 0 (wrong) or None (unlabelled)."""

    at: int
    step: str
    label: int | None


@dataclass(frozen=True, slots=True)
class LabelledSolution:
    """A problem, the steps of one solution, and labels of its first steps: 1 right, 0 wrong.

    `labels` is shorter than `steps` where the later steps are not labelled. Where a format has them: `mc` are
    Monte-Carlo scores of the steps and `pass_at_1` that of the problem, `turns` are a verifier's texts on each
    labelled step, `chain` is its text on the solution as a whole, `alternatives` are other steps that were labelled
    in the place of one of these. `further` holds the remaining fields of the row, under their names in its format.
    """

    problem: str
    steps: list[str]
    labels: list[int]
    further: dict[str, Any] = field(default_factory=dict)
    mc: list[float] = field(default_factory=list)
    pass_at_1: float | None = None
    turns: list[str] = field(default_factory=list)
    chain: str = ""
    alternatives: list[Alternative] = field(default_factory=list)

    @property
    def first_error(self) -> int:
        """0-based index of the first wrong step, -1 if none is known to be wrong."""
        return self.labels.index(0) if 0 in self.labels else NO_ERROR

    @property
    def labelled_steps(self) -> list[str]:
        """The steps that have labels."""
        return self.steps[: len(self.labels)]

    @property
    def decided_steps(self) -> list[str]:
        """All steps where one is known to be wrong; else only the labelled steps, all of which are right."""
        return self.steps if self.first_error != NO_ERROR else self.labelled_steps

    def expanded(self) -> list[LabelledSolution]:
        """The solution, and for each labelled alternative one that ends with it, as TRL expands PRM800K.

        >>> solution = LabelledSolution("p", ["a", "b"], [1, 1], alternatives=[Alternative(1, "c", 0)])
        >>> [one.steps for one in solution.expanded()]
        [['a', 'b'], ['a', 'c']]
        """
        own = [replace(self, alternatives=[])] if self.labels else []
        others = [
            LabelledSolution(self.problem, [*self.steps[: one.at], one.step], [*self.labels[: one.at], one.label])
            for one in self.alternatives
            if one.label is not None and one.at <= len(self.labels)
        ]
        return own + others


@dataclass(frozen=True, slots=True)
class Format:
    """`read` takes the place of a row (for messages) and the row, and returns its solutions. `write` takes the
    solutions of one row, and returns rows. `needs` names a field that a row cannot be written without."""

    read: Callable[[str, Mapping[str, Any]], list[LabelledSolution]]
    write: Callable[[Sequence[LabelledSolution]], list[dict[str, Any]]]
    needs: str | None = None


def one_per_row(
    read: Callable[[str, Mapping[str, Any]], LabelledSolution],
    write: Callable[[LabelledSolution], dict[str, Any]],
    needs: str | None = None,
) -> Format:
    """A format whose rows hold one solution each; alternatives become rows of their own."""

    def write_all(solutions: Sequence[LabelledSolution]) -> list[dict[str, Any]]:
        return [write(one) for solution in solutions for one in solution.expanded()]

    return Format(lambda where, row: [read(where, row)], write_all, needs)


def format_named(name: str) -> Format:
    """The format of that name.

    Raises:
        InputError: there is none.
    """
    return named(FORMATS, name)


def read_rows(chosen: Format, rows: Iterable[Row]) -> Iterator[list[LabelledSolution]]:
    """The solutions of each row.

    Raises:
        InputError: a row is not of that format, or would not be the same when it is written again.
    """
    for where, row in rows:
        solutions = chosen.read(where, row)
        if chosen.write(solutions) != [row]:
            raise InputError(
                f"{where}: the row would lose something, allowed: rows as the format's own authors write"
            )
        yield solutions


def import_rows(chosen: Format, rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """Solutions as `{"id", "problem", "steps", "labels", "further"}` with the optional fields that the format has.

    Where a row holds several solutions, the field `row` of each is the row's number.

    Raises:
        InputError: as `read_rows`.
    """
    for number, solutions in enumerate(read_rows(chosen, rows)):
        several = len(solutions) > 1
        for index, solution in enumerate(solutions):
            name = f"{number}-{index}" if several else str(number)
            yield {"id": name, **({"row": number} if several else {}), **_line(solution)}


def _line(solution: LabelledSolution) -> dict[str, Any]:
    optional = {
        "mc": solution.mc,
        "pass_at_1": solution.pass_at_1,
        "turns": solution.turns,
        "chain": solution.chain,
        "alternatives": [{"at": one.at, "step": one.step, "label": one.label} for one in solution.alternatives],
    }
    return {
        "problem": solution.problem,
        "steps": solution.steps,
        "labels": solution.labels,
        **{name: value for name, value in optional.items() if value not in (None, "", [])},
        "further": solution.further,
    }


def export_rows(chosen: Format, rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """Rows of a format from rows as `import_rows` gives them.

    Raises:
        InputError: a row lacks a field, a field is of the wrong kind, or `import_rows` would not read the same
            problem, steps and labels from what is written.
    """
    for _, group in itertools.groupby(enumerate(rows), key=lambda numbered: _row_of(*numbered)):
        placed = [placed for _, placed in group]
        solutions = [_read_line(where, row, chosen.needs) for where, row in placed]
        written = chosen.write(solutions)
        _check_written(chosen, placed[0][0], solutions, written)
        yield from written


_Said = tuple[str, tuple[str, ...], tuple[int, ...]]
"""Problem, steps and labels of a solution up to its first error; steps without `Step n:`."""


def _check_written(
    chosen: Format, where: str, solutions: Sequence[LabelledSolution], written: Sequence[Mapping[str, Any]]
) -> None:
    place = f"{where}, as it would be written"
    wanted = _said(solutions)
    found = _said(one for row in written for one in chosen.read(place, row))
    if wanted == found:
        return
    for problem, steps, labels in wanted - found:
        others = [list(other[2]) for other in found if other[:1] == (problem,) and _begin_alike(steps, other[1])]
        if others:
            allowed = f"{shown(others[0])}, which is what {chosen.needs or 'the format'} says"
            raise bad_field(where, "labels", list(labels), allowed)
    raise InputError(
        f"{place}: problem and steps would not be read as they are, allowed: texts without what tells them apart "
        "in this format"
    )


def _begin_alike(some: Sequence[str], others: Sequence[str]) -> bool:
    return all(one == other for one, other in zip(some, others, strict=False))


def _said(solutions: Iterable[LabelledSolution]) -> Counter[_Said]:
    """The content of solutions and alternatives, counted. Not every format has steps behind the first error."""
    said: Counter[_Said] = Counter()
    for one in (one for solution in solutions for one in solution.expanded()):
        end = len(one.labels) if one.first_error == NO_ERROR else one.first_error + 1
        steps = (_STEP_NUMBER.sub("", step).strip() for step in one.steps[:end])
        said[one.problem.strip(), tuple(steps), tuple(one.labels[:end])] += 1
    return said


def _row_of(number: int, placed: Row) -> tuple[str, Any]:
    """A key that solutions share only if they came from one row."""
    _, line = placed
    return ("row", line["row"]) if line.get("row") is not None else ("line", number)


def _read_line(where: str, row: Mapping[str, Any], needs: str | None) -> LabelledSolution:
    row = {name: value for name, value in row.items() if value is not None}
    if needs is not None:
        required(row, needs, where, "a set that has it: the format has no rows without")
    alternatives = [_alternative(one, f"{where}: alternative {index}") for index, one in _listed(row, where)]
    only_alternatives = bool(alternatives) and row.get("steps") == []
    steps = [] if only_alternatives else texts_field(row, "steps", where)
    labels = labels_field(row, len(steps), where, empty=bool(alternatives))
    for name, of, count in (("mc", "steps", len(steps)), ("turns", "labels", len(labels))):
        if isinstance(row.get(name), list) and len(row[name]) != count:
            raise bad_field(where, name, row[name], f"one for each of the {count} {of}")
    return LabelledSolution(
        problem=text_field(row, "problem", where),
        steps=steps,
        labels=labels,
        further=json_object(row.get("further", {}), f"{where}: field 'further'"),
        mc=shares_field(row, "mc", where) if "mc" in row else [],
        pass_at_1=share_field(row, "pass_at_1", where) if "pass_at_1" in row else None,
        turns=texts_field(row, "turns", where) if "turns" in row else [],
        chain=text_field(row, "chain", where) if "chain" in row else "",
        alternatives=alternatives,
    )


def _listed(row: Mapping[str, Any], where: str) -> Iterator[tuple[int, Any]]:
    alternatives = row.get("alternatives", [])
    if not isinstance(alternatives, list):
        raise bad_field(where, "alternatives", alternatives, "a list of objects with at, step and label")
    return enumerate(alternatives)


def _alternative(value: Any, where: str) -> Alternative:
    one = json_object(value, where)
    at, label = one.get("at"), one.get("label")
    if type(at) is not int or at < 0:
        raise bad_field(where, "at", at, "the index of a step, from 0")
    if label not in (0, 1, None):
        raise bad_field(where, "label", label, "0, 1 or null")
    return Alternative(at, text_field(one, "step", where), label)


def labels_field(row: Mapping[str, Any], steps: int, where: str, *, empty: bool = False) -> list[int]:
    """The labels of a row; an empty list is allowed only with `empty`.

    Raises:
        InputError: they are not 0 or 1, or there are none, or more than steps.
    """
    fewest = 0 if empty else 1
    allowed = f"a list of {fewest} to {steps} labels, 0 or 1"
    labels = required(row, "labels", where, allowed)
    if not isinstance(labels, list) or not all(one in (0, 1) for one in labels):
        raise bad_field(where, "labels", labels, allowed)
    if not fewest <= len(labels) <= steps:
        raise bad_field(where, "labels", labels, allowed)
    return [int(one) for one in labels]


SIGNS = {"+": 1, "-": 0}
"""Labels as Math-Shepherd and RLHFlow write them."""
RATINGS = {1: 1, 0: 1, -1: 0}
"""Ratings of PRM800K as labels: a neutral step is not wrong (Lightman et al. 2023, appendix F)."""
_FIRST = " Step 1:"
_STEP_NUMBER = re.compile(r"\s*Step \d+\s*:")


def label_of(given: Any) -> int | None:
    """The label of a rating; None where it is no rating."""
    return next((label for known, label in RATINGS.items() if given == known), None)


def sign(label: int) -> str:
    """The sign of a label."""
    return "-+"[label]


def rating(label: int) -> int:
    """The rating of a label."""
    return (-1, 1)[label]


def ratings(labels: Sequence[int], kept: Any) -> list[int]:
    """The ratings of labels: each as `kept` from the row where that stands for the same label, else 1 or -1.

    >>> ratings([1, 1], [0, -1])
    [0, 1]
    """
    known = kept if isinstance(kept, list) and len(kept) == len(labels) else [None] * len(labels)
    return [one if label_of(one) == label else rating(label) for one, label in zip(known, labels, strict=True)]


def cut_before_first_step(text: str) -> tuple[str, str] | None:
    """A problem, and the first step that stands behind it; None where there is no `Step 1:`.

    >>> cut_before_first_step("How many? Step 1: 3 + 4 = 7.")
    ('How many?', 'Step 1: 3 + 4 = 7.')
    """
    problem, found, step = text.rpartition(_FIRST)
    return (problem, found[1:] + step) if found else None


def with_first_step(steps: Sequence[str]) -> list[str]:
    """The steps, all numbered unless the first begins with `Step 1:`, where it can be cut from the problem.

    >>> with_first_step(["Add.", "Divide."]), with_first_step(["Step 1: Add.", "Divide."])
    (['Step 1: Add.', 'Step 2: Divide.'], ['Step 1: Add.', 'Divide.'])
    """
    return list(steps) if steps[0].startswith(_FIRST.strip()) else numbered(steps)


def with_further(built: Mapping[str, Any], further: Mapping[str, Any]) -> dict[str, Any]:
    """A row with the `further` fields, which may be of another format; they replace none of its own.

    >>> with_further({"label": 1}, {"label": "?", "id": 7})
    {'label': 1, 'id': 7}
    """
    return {**built, **other_fields(further, *built)}


def other_fields(row: Mapping[str, Any], *known: str) -> dict[str, Any]:
    """The fields of a row that have no place in `LabelledSolution`."""
    return {name: value for name, value in row.items() if name not in known}


def not_rebuilt(row: Mapping[str, Any], built: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a row that `built` lacks or has with another value.

    >>> not_rebuilt({"id": 7, "label": "1"}, {"id": 7, "label": 1})
    {'label': '1'}
    """
    return {name: value for name, value in row.items() if name not in built or built[name] != value}
