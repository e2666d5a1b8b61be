"""The normal form of a final answer: a tree of lists, tuples, intervals, unions and matrices over single values.

Two forms are compared part by part; a value is compared as text, as a plain number, or by algebra that the caller
supplies. Nothing here takes longer than a low power of the length of the answer, and nothing imports sympy.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from genprm.answers.numbers import numbers_equal, plain_number
from genprm.answers.text import Leaf, compact, normalised, read_leaf, text_key

REMEMBERED = 8192
"""Normal forms kept."""
DEEPEST = 20
"""Brackets nested deeper than this are left to algebra."""


class UndecidedError(Exception):
    """Two values are neither the same text nor both plain numbers: algebra has to decide."""


@dataclass(frozen=True, slots=True)
class Group:
    """Several values: a tuple or interval with its brackets, or a list ("" and "", in any order)."""

    open: str
    close: str
    items: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of values."""

    rows: tuple[tuple[Form, ...], ...]


@dataclass(frozen=True, slots=True)
class Union:
    """Sets joined by a union sign, in any order."""

    items: tuple[Form, ...]


Form = Leaf | Group | Matrix | Union
LeafEqual = Callable[[Leaf, Leaf], bool]

_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|.", re.DOTALL)
_OPENING = frozenset(("(", "[", "{", "\\{", "\\begin"))
_CLOSING = frozenset((")", "]", "}", "\\}", "\\end"))
_BRACKETS = {"(": ")", "[": "]", "\\{": "\\}"}
_MATRIX = re.compile(r"\\begin\{pmatrix\}(.*)\\end\{pmatrix\}", re.DOTALL)
_GROUPED = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_PLUS_MINUS = re.compile(r"\\pm(?![a-zA-Z])")
_LEFT_SIDE = re.compile(
    r"^ ?(?:[a-zA-Z]|\\[a-zA-Z]+)(?:_\{?\w+\}?)?(?: ?\( ?[a-zA-Z] ?\))? ?(?:=|\\in(?![a-zA-Z]))"
)
_RELATION = re.compile(r"[=<>]|\\(?:le|ge|ne|neq|in)(?![a-zA-Z])")


def _split(text: str, separator: str) -> list[str]:
    """Parts of `text` between separators (one LaTeX token) that stand outside all brackets."""
    parts: list[str] = []
    depth = start = 0
    for match in _TOKEN.finditer(text):
        token = match[0]
        if depth == 0 and token == separator:
            parts.append(text[start : match.start()])
            start = match.end()
        depth += (token in _OPENING) - (token in _CLOSING)
    return [*parts, text[start:]]


def _bracketed(text: str) -> tuple[str, str, str] | None:
    """Opening bracket, content and closing bracket of a text that is one bracketed group; intervals mix kinds."""
    tokens = [match[0] for match in _TOKEN.finditer(text)]
    if len(tokens) < 2 or tokens[0] not in _BRACKETS or tokens[-1] not in _BRACKETS.values():
        return None
    depth = 0
    for token in tokens[:-1]:
        depth += (token in _OPENING) - (token in _CLOSING)
        if depth == 0:
            return None
    return tokens[0], text[len(tokens[0]) : len(text) - len(tokens[-1])], tokens[-1]


def _with_signs(part: str) -> list[str]:
    """`a \\pm b` as its two values."""
    return [_PLUS_MINUS.sub(sign, part) for sign in "+-"] if len(_PLUS_MINUS.findall(part)) == 1 else [part]


@functools.lru_cache(maxsize=REMEMBERED)
def parse_form(text: str) -> Form:
    """The normal form of an answer (remembered: rollouts give the same few answers again and again)."""
    return _parse(normalised(text), DEEPEST)


def _parse(text: str, depth: int) -> Form:
    text = text.strip()
    matrix = _MATRIX.fullmatch(text)
    if matrix and depth and "\\begin" not in matrix[1]:
        rows = [row for row in re.split(r"\\\\", matrix[1]) if row.strip()]
        return Matrix(tuple(tuple(_parse(cell, depth - 1) for cell in row.split("&")) for row in rows))
    bare = read_leaf(text)
    if not depth or bare.words or _GROUPED.fullmatch(bare.text):
        return bare
    side = _LEFT_SIDE.match(text)
    if side and _bracketed(text[side.end() :].strip()):
        text = text[side.end() :].strip()
    if len(union := _split(text, "\\cup")) > 1:
        return Union(tuple(_parse(part, depth - 1) for part in union))
    if len(parts := _split(text, ",")) > 1 or _with_signs(text) != [text]:
        return Group("", "", tuple(_parse(p, depth - 1) for part in parts for p in _with_signs(part) if p.strip()))
    if group := _bracketed(text):
        opening, content, closing = group
        inner = _split(content, ",")
        if opening == "\\{":
            items = tuple(_parse(p, depth - 1) for part in inner for p in _with_signs(part) if p.strip())
            return items[0] if len(items) == 1 else Group("", "", items)
        if len(inner) == 1 and (opening, closing) == ("(", ")"):
            return _parse(content, depth - 1)
        return Group(opening, closing, tuple(_parse(part, depth - 1) for part in inner))
    return read_leaf(text)


def leaves_equal(reference: Leaf, given: Leaf, algebra: LeafEqual) -> bool:
    """Whether two values are the same; `algebra` decides what text and numerals cannot."""
    if reference.words or given.words:
        return text_key(reference.text) == text_key(given.text)
    if reference.unit and given.unit and reference.unit != given.unit:
        return False
    if compact(reference.text) == compact(given.text):
        return True
    first, second = plain_number(reference.text), plain_number(given.text)
    if first is not None and second is not None:
        return numbers_equal(first, second)
    left, right = _LEFT_SIDE.match(reference.text), _LEFT_SIDE.match(given.text)
    if (left is None) != (right is None):
        one, other = (reference, given) if left else (given, reference)
        end = (left or right).end()  # type: ignore[union-attr]
        if not _RELATION.search(other.text) and not _RELATION.search(one.text[end:]):
            bare = Leaf(one.text[end:].strip(), one.unit)
            return leaves_equal(bare, other, algebra) if left else leaves_equal(other, bare, algebra)
    return algebra(reference, given)


def plain_leaves_equal(reference: Leaf, given: Leaf) -> bool:
    """`leaves_equal` without algebra.

    Raises:
        UndecidedError: the two need it.
    """

    def undecided(first: Leaf, second: Leaf) -> bool:
        raise UndecidedError

    return leaves_equal(reference, given, undecided)


def _matched(first: Sequence[Form], second: Sequence[Form], leaf: LeafEqual) -> bool:
    """Equality in any order: each of `first` takes the first unused equal one of `second`."""
    left = list(second)
    for form in first:
        index = next((i for i, other in enumerate(left) if same_form(form, other, leaf)), None)
        if index is None:
            return False
        del left[index]
    return not left


def _ordered(first: Sequence[Form], second: Sequence[Form], leaf: LeafEqual) -> bool:
    return len(first) == len(second) and all(same_form(a, b, leaf) for a, b in zip(first, second, strict=True))


def same_form(reference: Form, given: Form, leaf: LeafEqual) -> bool:
    """Whether two forms have the same structure and equal values."""
    if isinstance(reference, Leaf) and isinstance(given, Leaf):
        return leaf(reference, given)
    if isinstance(reference, Leaf) or isinstance(given, Leaf):
        words = [form for form in (reference, given) if isinstance(form, Leaf) and form.words]
        return bool(words) and _key(reference) == _key(given)
    if isinstance(reference, Union) and isinstance(given, Union):
        return len(reference.items) == len(given.items) and _matched(reference.items, given.items, leaf)
    if isinstance(reference, Matrix) and isinstance(given, Matrix):
        return len(reference.rows) == len(given.rows) and all(
            _ordered(a, b, leaf) for a, b in zip(reference.rows, given.rows, strict=True)
        )
    if isinstance(reference, Group) and isinstance(given, Group):
        if (reference.open, reference.close) != (given.open, given.close):
            return False
        if len(reference.items) != len(given.items):
            return False
        compare = _ordered if reference.open else _matched
        return compare(reference.items, given.items, leaf)
    return False


def _key(form: Form) -> str:
    """The letters and digits of a form, for an answer in words with commas in it."""
    if isinstance(form, Leaf):
        return text_key(form.text)
    if isinstance(form, Matrix):
        return "".join(_key(cell) for row in form.rows for cell in row)
    return "".join(_key(item) for item in form.items)
