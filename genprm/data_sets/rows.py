"""Rows from outside, checked field by field: errors name place, field, value and what is allowed in one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, Strict, TypeAdapter, ValidationError
from pydantic_core import from_json

from genprm.registry import Registry

T = TypeVar("T")

SHOWN_CHARACTERS = 60
"""How much of a wrong value an error message shows."""

Row = tuple[str, dict[str, Any]]
"""Where a row is from (for messages) and its fields."""


class InputError(ValueError):
    """Input from outside is wrong; the message is one line."""


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("blank")
    return text


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a truth value is not a number")
    return value


Text = Annotated[str, Strict(), AfterValidator(_not_blank)]
Whole = Annotated[int, BeforeValidator(_no_truth)]
"""A whole number, also as `3.0` or "3"."""
Share = Annotated[float, BeforeValidator(_no_truth), Field(ge=0, le=1, allow_inf_nan=False)]

_ANY_TEXT = TypeAdapter(Annotated[str, Strict()])
_TEXT = TypeAdapter(Text)
_TEXTS = TypeAdapter(Annotated[list[Text], Field(min_length=1)])
_ID = TypeAdapter(Annotated[str, Strict(), Field(min_length=1)] | Annotated[int, Strict()])
_BOOL = TypeAdapter(Annotated[bool, Strict()])
_WHOLE = TypeAdapter(Whole)
_COUNTS = TypeAdapter(list[Annotated[Whole, Field(ge=0)]])
_SHARE = TypeAdapter(Share)
_SHARES = TypeAdapter(Annotated[list[Share], Field(min_length=1)])

_SHARE_ALLOWED = "a number from 0 to 1"


def shown(value: object) -> str:
    """A value as it appears in an error message: its repr, cut to one short line."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."


def names(row: Iterable[str]) -> str:
    """The names of the fields of a row, or other names from outside, as they appear in an error message."""
    return ", ".join(name if name.isprintable() else repr(name) for name in row) or "nothing"


def bad_field(where: str, name: str, value: object, allowed: str) -> InputError:
    """The error for one wrong value, ready to raise."""
    return InputError(f"{where}: field {name!r} is {shown(value)}, allowed: {allowed}")


_REASONS = {
    "recursion limit exceeded": "nested too deep",
    "number out of range": "a number of thousands of digits",
    "unexpected end of hex escape": "half a surrogate pair",
}
"""Plain words for the parser's messages about texts that are valid JSON but cannot be read."""


def parse_json(text: str, where: str, *, finite: bool = False) -> Any:
    """The value of a JSON text; with `finite`, NaN and infinities, which are not part of JSON, are refused.

    Raises:
        InputError: it is not JSON, nested too deep, or holds half a surrogate pair or a number of thousands of
            digits.
    """
    try:
        return from_json(text, allow_inf_nan=not finite)
    except ValueError as error:
        reason, _, line = str(error).partition(" at line ")
        number, _, column = line.partition(" column ")
        place = where if number in ("", "1") else f"{where} line {number}"
        at = f" at column {column}" if column else ""
        reason = _REASONS.get(reason, reason)
        quoted = shown(text[: 2 * SHOWN_CHARACTERS].strip())
        raise InputError(f"{place}: not JSON ({reason}{at}): {quoted}") from None


def json_rows(lines: Iterable[str], source: str) -> Iterator[Row]:
    """(`source`, line number) and object of each non-blank line.

    Raises:
        InputError: a line is not a JSON object.
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            where = f"{source} line {number}"
            yield where, json_object(parse_json(line, where), where)


def json_object(value: Any, where: str) -> dict[str, Any]:
    """The value, if it is an object.

    Raises:
        InputError: it is something else.
    """
    if not isinstance(value, dict):
        raise InputError(f"{where}: {shown(value)} is not a JSON object")
    return value


def first_given(row: Mapping[str, Any], wanted: Sequence[str]) -> str:
    """The first of the fields `wanted` that a row has and that is not null; `wanted[0]` where there is none.

    >>> first_given({"problem": None, "question": "Why?"}, ("problem", "question"))
    'question'
    """
    return next((name for name in wanted if row.get(name) is not None), wanted[0])


def required(row: Mapping[str, Any], name: str, where: str, allowed: str) -> Any:
    """The value of a field that must be there."""
    if name not in row:
        raise InputError(f"{where}: field {name!r} is missing, allowed: {allowed} (found: {names(row)})")
    return row[name]


def _check(
    adapter: TypeAdapter[T], row: Mapping[str, Any], name: str, where: str, allowed: str, of_items: str = ""
) -> T:
    """The field `name` as `adapter` reads it. `of_items` is what is allowed for the items of a list."""
    value = required(row, name, where, allowed)
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        index = next(iter(error.errors(include_url=False, include_context=False)[0]["loc"]), None)
        if of_items and isinstance(index, int):
            raise bad_field(where, f"{name}[{index}]", value[index], of_items) from None
        raise bad_field(where, name, value, allowed) from None


def text_field(row: Mapping[str, Any], name: str, where: str, *, empty: bool = False) -> str:
    """A string; a blank one only where `empty`."""
    if empty:
        return _check(_ANY_TEXT, row, name, where, "a string")
    return _check(_TEXT, row, name, where, "a non-empty string")


def id_field(row: Mapping[str, Any], where: str) -> str:
    """The field `id`: a non-empty string, or a whole number (as text)."""
    return str(_check(_ID, row, "id", where, "a non-empty string or a whole number"))


def bool_field(row: Mapping[str, Any], name: str, where: str) -> bool:
    """true or false."""
    return _check(_BOOL, row, name, where, "true or false")


def whole_field(row: Mapping[str, Any], name: str, where: str, low: int, high: int | None, allowed: str) -> int:
    """A whole number in [low, high], also as `3.0` or "3"; no upper bound where `high` is None."""
    value = _check(_WHOLE, row, name, where, allowed)
    if value < low or (high is not None and value > high):
        raise bad_field(where, name, value, allowed)
    return value


def counts_field(row: Mapping[str, Any], name: str, where: str, length: int) -> list[int]:
    """A list of `length` whole numbers from 0."""
    allowed = f"a list of {length} whole numbers from 0"
    values = _check(_COUNTS, row, name, where, allowed, "a whole number from 0")
    if len(values) != length:
        raise bad_field(where, name, values, allowed)
    return values


def share_field(row: Mapping[str, Any], name: str, where: str) -> float:
    """A field that holds a number in [0, 1]."""
    return _check(_SHARE, row, name, where, _SHARE_ALLOWED)


def shares_field(row: Mapping[str, Any], name: str, where: str) -> list[float]:
    """A field that holds a non-empty list of numbers in [0, 1]."""
    return _check(_SHARES, row, name, where, "a non-empty list of numbers from 0 to 1", _SHARE_ALLOWED)


def texts_field(row: Mapping[str, Any], name: str, where: str) -> list[str]:
    """A field that holds a non-empty list of non-empty strings."""
    allowed = "a non-empty list of non-empty strings"
    return _check(_TEXTS, row, name, where, allowed, "a non-empty string")


def named(registry: Registry[T], name: str) -> T:
    """The entry of a registry under a name that came from outside.

    Raises:
        InputError: there is no such entry; the message lists the names that there are.
    """
    try:
        return registry.get(name)
    except ValueError as error:
        raise InputError(str(error)) from None


def unique(values: Iterable[tuple[str, str]]) -> None:
    """Refuse an id that appears twice; items are (where, id)."""
    first: dict[str, str] = {}
    for where, identity in values:
        if identity in first:
            raise InputError(f"{where}: field 'id' is {shown(identity)}, already used at {first[identity]}")
        first[identity] = where
