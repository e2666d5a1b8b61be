"""Rows from outside, checked field by field: one clear line names place, field, value and what is allowed."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

SHOWN_CHARACTERS = 60
"""How much of a wrong value an error message shows."""


class InputError(ValueError):
    """Input from outside is wrong; the message is one line."""


def shown(value: object) -> str:
    """A value as it appears in an error message: its repr, cut to one short line."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."


def bad_field(where: str, name: str, value: object, allowed: str) -> InputError:
    """The error for one wrong value, ready to raise."""
    return InputError(f"{where}: field {name!r} is {shown(value)}, allowed: {allowed}")


UNREADABLE = (ValueError, RecursionError)
"""What `json.loads` raises for JSON, as it is defined, that Python does not read."""


def unreadable(where: str, error: BaseException) -> InputError:
    """The error for one of `UNREADABLE`, ready to raise."""
    if isinstance(error, RecursionError):
        return InputError(f"{where}: JSON nested too deep, allowed: about a thousand levels")
    return InputError(f"{where}: an integer of more than {sys.get_int_max_str_digits()} digits, allowed: fewer")


def json_rows(lines: Iterable[str], source: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(`source`, line number) and object of each non-blank line.

    Raises:
        InputError: a line is not a JSON object.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{source} line {number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(
                f"{where}: not JSON ({error.msg} at column {error.colno}): {shown(line.strip())}"
            ) from None
        except UNREADABLE as error:
            raise unreadable(where, error) from None
        if not isinstance(row, dict):
            raise InputError(f"{where}: {shown(row)} is not a JSON object")
        yield where, row


def required(row: Mapping[str, Any], name: str, where: str, allowed: str) -> Any:
    """The value of a field that must be there."""
    if name not in row:
        raise InputError(
            f"{where}: field {name!r} is missing, allowed: {allowed} (found: {', '.join(row) or 'nothing'})"
        )
    return row[name]


def text_field(row: Mapping[str, Any], name: str, where: str, *, empty: bool = False) -> str:
    """A string; a blank one only where `empty`."""
    allowed = "a string" if empty else "a non-empty string"
    value = required(row, name, where, allowed)
    if not isinstance(value, str) or not (empty or value.strip()):
        raise bad_field(where, name, value, allowed)
    return value


def id_field(row: Mapping[str, Any], where: str) -> str:
    """The field `id`: a non-empty string, or a whole number (as text)."""
    allowed = "a non-empty string or a whole number"
    value = required(row, "id", where, allowed)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        raise bad_field(where, "id", value, allowed)
    return value


def bool_field(row: Mapping[str, Any], name: str, where: str) -> bool:
    """true or false."""
    value = required(row, name, where, "true or false")
    if not isinstance(value, bool):
        raise bad_field(where, name, value, "true or false")
    return value


def whole_field(row: Mapping[str, Any], name: str, where: str, low: int, high: int | None, allowed: str) -> int:
    """A whole number in [low, high]; no upper bound where `high` is None."""
    value = required(row, name, where, allowed)
    if isinstance(value, bool) or not isinstance(value, int) or value < low or (high is not None and value > high):
        raise bad_field(where, name, value, allowed)
    return value


def share(value: object, name: str, where: str) -> float:
    """A number in [0, 1]."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or not 0 <= value <= 1
    ):
        raise bad_field(where, name, value, "a number from 0 to 1")
    return float(value)


def counts_field(row: Mapping[str, Any], name: str, where: str, length: int) -> list[int]:
    """A list of `length` whole numbers from 0."""
    allowed = f"a list of {length} whole numbers from 0"
    values = required(row, name, where, allowed)
    if not isinstance(values, list) or len(values) != length:
        raise bad_field(where, name, values, allowed)
    for index, value in enumerate(values):
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise bad_field(where, f"{name}[{index}]", value, "a whole number from 0")
    return values


def share_field(row: Mapping[str, Any], name: str, where: str) -> float:
    """A field that holds a number in [0, 1]."""
    return share(required(row, name, where, "a number from 0 to 1"), name, where)


def shares_field(row: Mapping[str, Any], name: str, where: str) -> list[float]:
    """A field that holds a non-empty list of numbers in [0, 1]."""
    allowed = "a non-empty list of numbers from 0 to 1"
    values = required(row, name, where, allowed)
    if not isinstance(values, list) or not values:
        raise bad_field(where, name, values, allowed)
    return [share(value, f"{name}[{index}]", where) for index, value in enumerate(values)]


def texts_field(row: Mapping[str, Any], name: str, where: str) -> list[str]:
    """A field that holds a non-empty list of non-empty strings."""
    allowed = "a non-empty list of non-empty strings"
    values = required(row, name, where, allowed)
    if not isinstance(values, list) or not values:
        raise bad_field(where, name, values, allowed)
    for index, value in enumerate(values):
        if not isinstance(value, str) or not value.strip():
            raise bad_field(where, f"{name}[{index}]", value, "a non-empty string")
    return values


def unique(values: Iterable[tuple[str, str]]) -> None:
    """Refuse an id that appears twice; items are (where, id)."""
    first: dict[str, str] = {}
    for where, identity in values:
        if identity in first:
            raise InputError(f"{where}: field 'id' is {shown(identity)}, already used at {first[identity]}")
        first[identity] = where
