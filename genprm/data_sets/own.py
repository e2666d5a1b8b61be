"""The user's own problems and labelled solutions, from a file or a data set on the hub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from genprm.answers.checker import boxed_answer, hashed_answer
from genprm.data_sets.files import file_rows, names_file
from genprm.data_sets.problems import ProblemSet, after_hashes, read_problems, stated_answer
from genprm.data_sets.rows import (
    InputError,
    Row,
    bool_field,
    first_given,
    required,
    text_field,
    unique,
    whole_field,
)
from genprm.data_sets.rows import id_field as read_id
from genprm.data_sets.sources import DataSource, hub_rows
from genprm.data_sets.written_solutions import problem_column, read_solution
from genprm.records import NO_ERROR, BenchmarkCase
from genprm.settings import EvaluationSettings, ImportedSet, ProblemSettings, RowSettings
from genprm.splitting.free_text import AUTO

_ANSWER = ("answer", "final_answer", "target", "solution")


def file_problems(settings: ProblemSettings, data_dir: Path | None = None) -> ProblemSet:
    """The problems of the file `settings.rows.data`.

    Raises:
        InputError: no file is named, it cannot be read, or a row is wrong.
    """
    return _problems(settings, file_rows(_named(settings.rows, "problems", "a file")))


def hub_problems(settings: ProblemSettings, data_dir: Path | None = None) -> ProblemSet:
    """The problems of the data set `settings.rows.data` on the hub.

    Raises:
        InputError: none is named, it cannot be loaded, or a row is wrong.
    """
    return _problems(settings, hub_rows(_on_hub(settings.rows, "problems")))


def _problems(settings: ProblemSettings, placed: Iterable[Row]) -> ProblemSet:
    columns = settings.rows
    rows = [(where, with_problem(row, columns.problem, where)) for where, row in placed]
    read = read_problems(
        rows, settings.source, ("problem",), lambda row, where: _answer(row, where, columns.answer)
    )
    if not read.problems:
        raise InputError(f"{columns.data}: no problem with an answer among {len(rows)} rows")
    return read


def with_problem(row: dict[str, Any], columns: Sequence[str], where: str) -> dict[str, Any]:
    """The row with its problem's text under `problem`: the texts of `columns`, joined by blanks."""
    chosen = columns or (problem_column(row),)
    return {**row, "problem": " ".join(text_field(row, name, where).strip() for name in chosen)}


def _answer(row: Mapping[str, Any], where: str, column: str | None) -> str:
    """The answer that a column states: a number, a text, a solution that boxes it or ends in `#### answer`."""
    name = column or first_given(row, _ANSWER)
    value = required(row, name, where, "a string or a number")
    if value is None:
        return ""
    if isinstance(value, str):
        if boxed := boxed_answer(value):
            return boxed
        if hashed_answer(value) is not None:
            return after_hashes(name)(row, where)
    return stated_answer(name)(row, where)


def labelled_cases(
    rows: Sequence[Row], subsets: Sequence[str] = (), how: str = AUTO, subset: str = "all"
) -> list[BenchmarkCase]:
    """Solutions whose first wrong step is known, subset by subset.

    A row has a solution (`read_solution`) and `label`, the 0-based index of the first wrong step or -1; `id`,
    `subset`, `generator` and `final_answer_correct` are optional.

    Args:
        subsets: the subsets to return, in this order; if empty, all in the order of the rows.
        how: the splitter of solutions that are given as text.
        subset: the subset of rows that name none.

    Raises:
        InputError: a row is wrong, an id comes twice in a subset, or a subset has no rows.
    """
    placed = [(where, _case(row, where, how, f"row-{index}", subset)) for index, (where, row) in enumerate(rows)]
    found = list(dict.fromkeys(case.subset for _, case in placed))
    for name in subsets or found:
        unique((where, case.id) for where, case in placed if case.subset == name)
        if name not in found:
            raise InputError(f"subset {name!r} has no solutions, allowed: {', '.join(found)}")
    return [case for name in subsets or found for _, case in placed if case.subset == name]


def _case(row: Mapping[str, Any], where: str, how: str, number: str, subset: str) -> BenchmarkCase:
    solution = read_solution(row, where, how)
    last = len(solution.steps) - 1
    label = whole_field(row, "label", where, NO_ERROR, last, f"{NO_ERROR} (no error) to {last} (the last step)")
    unsaid = row.get("final_answer_correct") is None
    return BenchmarkCase(
        id=number if row.get("id") is None else read_id(row, where),
        subset=subset if row.get("subset") is None else text_field(row, "subset", where),
        generator="" if row.get("generator") is None else text_field(row, "generator", where),
        problem=solution.problem,
        steps=solution.steps,
        final_answer_correct=label == NO_ERROR if unsaid else bool_field(row, "final_answer_correct", where),
        label=label,
    )


def own_cases(settings: EvaluationSettings) -> list[BenchmarkCase]:
    """The labelled solutions that `settings.rows` names, from a file or from the hub as `settings.source` says.

    Rows that name no subset belong to the one in `settings.subsets`, or to `all` if there is not exactly one.

    Raises:
        InputError: as `labelled_cases`, or the data cannot be loaded.
    """
    rows = settings.rows
    placed: Iterable[Row]
    if settings.source == "file":
        placed = file_rows(_named(rows, "evaluation", "a file"))
    else:
        placed = hub_rows(_on_hub(rows, "evaluation"))
    only = settings.subsets[0] if len(settings.subsets) == 1 else "all"
    return labelled_cases(list(placed), settings.subsets, rows.splitter, only)


def imported_rows(source: ImportedSet) -> Iterable[Row]:
    """The rows of a third-party set: from a file if its name has a file's ending, else from the hub.

    Raises:
        InputError: none is named, or it cannot be loaded.
    """
    name = _named(source, "source", "a file, or of a data set on the hub")
    return file_rows(name) if names_file(name) else hub_rows(_on_hub(source, "source"))


def _named(rows: RowSettings, section: str, what: str) -> str:
    if not rows.data:
        raise InputError(f"{section}.rows.data is empty, allowed: the name of {what}")
    return rows.data


def _on_hub(rows: RowSettings, section: str) -> DataSource:
    name = _named(rows, section, "a data set on the hub")
    return DataSource(name, rows.split, name, rows.config)
