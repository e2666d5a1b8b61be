"""`genprm answers`: whether two final answers mean the same, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from genprm.answers.checker import Comparison


def answers(
    reference: Annotated[
        str,
        typer.Argument(
            help='The reference answer; alone, a file of JSON lines {"reference", "given"} (- is standard input).'
        ),
    ],
    given: Annotated[str | None, typer.Argument(help="The answer to compare with it.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help='JSON lines {"equal", "rule", "reference_read", "given_read"}.')
    ] = False,
) -> None:
    """Compare final answers: equal or not, by which rule, and how each was read."""
    from genprm.answers.checker import AnswerChecker

    pairs = _pairs(reference) if given is None else iter([(reference, given)])
    with AnswerChecker() as checker:
        for ours, theirs in list(pairs):
            _show(ours, theirs, checker.explain(ours, theirs), as_json)


def _pairs(file: str) -> Iterator[tuple[str, str]]:
    from genprm.commands.reading import read_objects
    from genprm.data_sets.rows import text_field

    for where, row in read_objects(file):
        yield text_field(row, "reference", where), text_field(row, "given", where)


def _show(reference: str, given: str, compared: Comparison, as_json: bool) -> None:
    if as_json:
        row = {
            "reference": reference,
            "given": given,
            "equal": compared.equal,
            "rule": compared.rule,
            "reference_read": compared.reference,
            "given_read": compared.given,
        }
        print(json.dumps(row))
        return
    print(f"{'equal' if compared.equal else 'not equal'}: {compared.rule}")
    print(f"  reference {reference!r} read as {compared.reference}")
    print(f"  given {given!r} read as {compared.given}")
