"""What a format is: a way to read a row, and to write it again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from genprm.data_sets.rows import InputError, Row, bad_field, json_object, named, required, text_field, texts_field
from genprm.records import NO_ERROR
from genprm.registry import Registry


@dataclass(frozen=True, slots=True)
class LabelledSolution:
    """A problem, the steps of one solution, and labels of its first steps: 1 right, 0 wrong.

    `labels` is shorter than `steps` where nothing is known of the later ones. `further` holds the fields of the
    row that say something else, by their names in the format that it came from.
    """

    problem: str
    steps: list[str]
    labels: list[int]
    further: dict[str, Any] = field(default_factory=dict)

    @property
    def first_error(self) -> int:
        """0-based index of the first wrong step, -1 if none is known to be wrong."""
        return self.labels.index(0) if 0 in self.labels else NO_ERROR

    @property
    def labelled_steps(self) -> list[str]:
        """The steps that have labels."""
        return self.steps[: len(self.labels)]


@dataclass(frozen=True, slots=True)
class Format:
    """`read` takes the place of a row (for messages) and the row; `write` gives such a row."""

    read: Callable[[str, Mapping[str, Any]], LabelledSolution]
    write: Callable[[LabelledSolution], dict[str, Any]]


FORMATS: Registry[Format] = Registry(
    "format",
    "genprm.formats",
    {
        "trl-stepwise": "genprm.formats.trl_stepwise:TRL_STEPWISE",
        "math-shepherd": "genprm.formats.math_shepherd:MATH_SHEPHERD",
        "rlhflow": "genprm.formats.rlhflow:RLHFLOW",
        "processbench": "genprm.formats.processbench:PROCESSBENCH",
    },
)
"""Formats by the names that the commands take."""


def format_named(name: str) -> Format:
    """The format of that name.

    Raises:
        InputError: there is none.
    """
    return named(FORMATS, name)


def import_rows(chosen: Format, rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """Rows of a format as `{"problem", "steps", "labels", "further"}`.

    Raises:
        InputError: a row is not of that format, or would not be the same when it is written again.
    """
    for where, row in rows:
        solution = chosen.read(where, row)
        if chosen.write(solution) != row:
            raise InputError(
                f"{where}: the row would lose something, allowed: rows as the format's own authors write"
            )
        yield {
            "problem": solution.problem,
            "steps": solution.steps,
            "labels": solution.labels,
            "further": solution.further,
        }


def export_rows(chosen: Format, rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """What `import_rows` gives, as rows of a format.

    Raises:
        InputError: a row lacks a field, or one of them is of another kind.
    """
    for where, row in rows:
        further = json_object(row.get("further", {}), f"{where}: field 'further'")
        steps = texts_field(row, "steps", where)
        labels = labels_field(row, len(steps), where)
        yield chosen.write(LabelledSolution(text_field(row, "problem", where), steps, labels, further))


def labels_field(row: Mapping[str, Any], steps: int, where: str) -> list[int]:
    """The labels of a row.

    Raises:
        InputError: they are not 0 or 1, or there are none, or more than steps.
    """
    allowed = f"a list of 1 to {steps} labels, 0 or 1"
    labels = required(row, "labels", where, allowed)
    if not isinstance(labels, list) or not 1 <= len(labels) <= steps or not all(one in (0, 1) for one in labels):
        raise bad_field(where, "labels", labels, allowed)
    return [int(one) for one in labels]


SIGNS = {"+": 1, "-": 0}
"""Labels as Math-Shepherd and RLHFlow write them."""
_FIRST = " Step 1:"


def sign(label: int) -> str:
    """The sign of a label."""
    return "-+"[label]


def cut_before_first_step(text: str) -> tuple[str, str] | None:
    """A problem, and the first step that stands behind it; None where none is called `Step 1:`.

    >>> cut_before_first_step("How many? Step 1: 3 + 4 = 7.")
    ('How many?', 'Step 1: 3 + 4 = 7.')
    """
    problem, found, step = text.rpartition(_FIRST)
    return (problem, found[1:] + step) if found else None


def other_fields(row: Mapping[str, Any], *known: str) -> dict[str, Any]:
    """The fields of a row that have no place in `LabelledSolution`."""
    return {name: value for name, value in row.items() if name not in known}
