"""The normal form of a final answer: a tree of lists, tuples, intervals, unions and matrices over single values.

Its cost is bounded by a low power of the length of the answer, and neither sympy nor mpmath is imported.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from dataclasses import dataclass

from genprm.answers.numbers import plain_number
from genprm.answers.ratios import Ratio, Time, read_ratio, read_time
from genprm.answers.text import Leaf, compact, normalised, read_leaf, text_key

REMEMBERED = 8192
"""Normal forms kept in the cache."""
DEEPEST = 20
"""Brackets nested deeper than this are left to algebra."""


@dataclass(frozen=True, slots=True)
class Group:
    """Several values: a tuple or interval with its brackets, a set (braces), or a list ("" and "")."""

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


@dataclass(frozen=True, slots=True)
class Named:
    """A value with the name it is given (`x = 5`, `f(x) = 2x`, `x \\in [0, 1]`), and both as written."""

    name: str
    value: Form
    written: Leaf


@dataclass(frozen=True, slots=True)
class Choice:
    """An option of a multiple-choice question: its letter, and the value behind it (`(A) 12`)."""

    letter: str
    value: Form


@dataclass(frozen=True, slots=True)
class Approximated:
    """A value and its decimal approximations: `\\frac{1}{3} \\approx 0.33`."""

    items: tuple[Form, ...]


Form = Leaf | Group | Matrix | Union | Named | Choice | Approximated | Time | Ratio

_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|.", re.DOTALL)
_OPENING = frozenset(("(", "[", "{", "\\{", "\\begin"))
_CLOSING = frozenset((")", "]", "}", "\\}", "\\end"))
_BRACKETS = {"(": ")", "[": "]", "\\{": "\\}", "{": "}"}
_NUMERAL = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)
_MATRIX = re.compile(r"\\begin\{pmatrix\}(.*)\\end\{pmatrix\}", re.DOTALL)
_CASES = re.compile(r"\\begin\{(cases|aligned|array)\}(?:\{[lcr|]+\})?(.*)\\end\{\1\}", re.DOTALL)
_GROUPED = re.compile(r"-?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
_PLUS_MINUS = re.compile(r"\\pm(?![a-zA-Z])")
_RELATION = re.compile(r"[=<>]|\\(?:le|ge|ne|in|approx|equiv)(?![a-zA-Z])")
_CHOICE = re.compile(
    r"(?:\\text ?\{)? ?\(([A-Ja-j])\) ?\}?[\s:.]*(.*)|\\text ?\{ ?\(?([A-J])[).:]? ?\}[\s:.]*(.*)"
    r"|(?:(?:[Oo]ption|[Cc]hoice) )?([A-J])[).:] ?(.*)|(?:[Oo]ption|[Cc]hoice) ([A-J])()",
    re.DOTALL,
)
# Possessive: in a repeat of letters, a command that may end early could be split in as many ways as it has letters.
_LETTER = r"(?:[a-zA-Z]|\\[a-zA-Z]++)"
_SIMPLE = rf"{_LETTER}'*(?:_(?:\w|\{{[^{{}}]*\}}))?'*(?:\^\{{?(?:-1|\*)\}}?)?"
_SEGMENT = r"[A-Z]['_\d]*(?: ?[A-Z]['_\d]*)+"
_NAME = re.compile(
    r"(?:\d+\. )?(?:"
    # a variable, or a function of anything: x, a_1, f(x), E(3, 2), f^{-1}(5), P(A \cap B)
    rf"{_SIMPLE}(?: ?\([^=<>]*\))?"
    # a function of letters: \sin G, \cos 2\theta
    r"|\\(?:sin|cos|tan|cot|sec|csc|log|ln|deg|dim|det|gcd|max|min|arg) ?"
    rf"(?:\(? ?\d* ?(?:\\angle ?)?{_LETTER}+ ?\)?)"
    # geometric objects named by capitals: AB, \angle ABC, \overline{AB}, |AB|, [ABC], AB/CD
    r"|(?:m ?)?\\(?:angle|triangle|overline|widehat|overrightarrow|vec|mathcal|hat|bar) ?\{?[ a-zA-Z_'\d]+\}?"
    rf"|{_SEGMENT}|[|\[] ?[A-Z](?: ?[A-Z]['_\d]*)+ ?[|\]]"
    r"|\\frac ?\{ ?[A-Z]['_\d]*(?: ?[A-Z]['_\d]*)+ ?\}\{ ?[A-Z]['_\d]*(?: ?[A-Z]['_\d]*)+ ?\}"
    # several at once: (u, v)
    rf"|\( ?{_SIMPLE}(?: ?\([a-z]\))?(?: ?, ?{_SIMPLE}(?: ?\([a-z]\))?)+ ?\)"
    # a ratio: x:y, AB:BC
    rf"|(?:{_SEGMENT}|{_SIMPLE})(?: ?: ?(?:{_SEGMENT}|{_SIMPLE}))+"
    # words
    r"|\\text ?\{[^{}]*\}|[A-Za-z][a-z]+(?: [a-z]+){0,5}"
    r") ?"
)  # fmt: skip
_NAME_SIGNS = frozenset(("=", "\\in", "\\approx", "\\equiv"))
_CONDITION = re.compile(r" ?([a-zA-Z]) ?(?:\\in ?\(-\\infty,\\infty\) ?)?(?::|\||\\mid(?![a-zA-Z])) ?(.+)")
"""The variable and condition that describe a set: `x : 0 < x < 1`."""
_INFINITE = {"\\infty": math.inf, "+\\infty": math.inf, "-\\infty": -math.inf}
_ORDER = {"<": "(", ">": "(", "\\le": "[", "\\ge": "["}
_VARIABLE = re.compile(r" ?(?:[a-zA-Z]|\\(?!pi|infty|frac|sqrt)[a-zA-Z]+)(?:_(?:\w|\{\w+\}))?(?: ?\([a-z]\))? ?")


def split(text: str, *separators: str) -> list[str]:
    """Parts of `text` between separators (LaTeX tokens) that stand outside all brackets."""
    parts: list[str] = []
    depth = start = 0
    for match in _TOKEN.finditer(text):
        token = match[0]
        if depth == 0 and token in separators:
            parts.append(text[start : match.start()])
            start = match.end()
        depth += (token in _OPENING) - (token in _CLOSING)
    return [*parts, text[start:]]


def _bracketed(text: str) -> tuple[str, str, str] | None:
    """Opening bracket, content and closing bracket of a text that is one group; those of an interval may differ."""
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
    text = normalised(text)
    return _choice(text) or _without_braces(_parse(text, DEEPEST))


def _without_braces(form: Form) -> Form:
    """Replace an answer that is a set of one value by the value; sets inside other forms stay."""
    if isinstance(form, Group) and form.open == "\\{" and len(form.items) == 1 and isinstance(form.items[0], Leaf):
        return form.items[0]
    return Named(form.name, _without_braces(form.value), form.written) if isinstance(form, Named) else form


def _choice(text: str) -> Choice | None:
    found = _CHOICE.fullmatch(text)
    if found is None:
        return None
    letter, rest = next((found[i], found[i + 1]) for i in (1, 3, 5, 7) if found[i])
    # (a) + b and (A)(B) are expressions, (A, B) is a pair.
    if rest and not re.match(r"(?:\$|\\text|\\frac|\\sqrt|\\pi|\\\(|[\d.]|-\d|\([-\d]|\s*[a-zA-Z]{2})", rest):
        return None
    return Choice(letter.upper(), _parse(normalised(rest), DEEPEST))


def _parse(text: str, depth: int) -> Form:
    text = text.strip()
    if _NUMERAL.fullmatch(text):
        return Leaf(text)
    if time := read_time(text):
        return time
    if depth and (nested := _environment(text, depth)):
        return nested
    bare = read_leaf(text)
    if not depth or _GROUPED.fullmatch(bare.text):
        return bare
    parts = split(text, ",")
    if bare.words and (len(parts) == 1 or not all(_RELATION.search(part) for part in parts)):
        return _named(text, depth) or bare
    if len(union := split(text, "\\cup")) > 1:
        return Union(tuple(_parse(part, depth - 1) for part in union))
    if named := _named(text, depth):
        return named
    if len(parts) > 1 or _with_signs(text) != [text]:
        items = _items(parts, depth)
        return _one_range(items, text) or Group("", "", items)
    if interval := _interval(text, depth):
        return interval
    if group := _bracketed(text):
        opening, content, closing = group
        inner = split(content, ",")
        if len(inner) == 1 and opening == "{" == text[:1] and depth == DEEPEST:
            return _parse(content, depth - 1)
        if (condition := _CONDITION.fullmatch(content)) and opening == "\\{":
            described = _parse(condition[2], depth - 1)
            if isinstance(described, Named) and described.name == condition[1]:
                return described.value
        if opening in {"\\{", "{"}:
            return Group("\\{", "\\}", _items(inner, depth))
        if len(inner) == 1 and (opening, closing) == ("(", ")"):
            return _parse(content, depth - 1)
        items = tuple(_parse(part, depth - 1) for part in inner)
        systems = all(isinstance(item, Named) for item in items)
        return Group("", "", items) if systems else Group(opening, closing, items)
    return bare if read_time(bare.text) else read_ratio(split(text, ":")) or bare


def _items(parts: list[str], depth: int) -> tuple[Form, ...]:
    return tuple(_parse(p, depth - 1) for part in parts for p in _with_signs(part) if p.strip())


def _environment(text: str, depth: int) -> Form | None:
    """Read a matrix, or a system of equations as the list of its equations."""
    matrix = _MATRIX.fullmatch(text)
    if matrix and "\\begin" not in matrix[1]:
        rows = [row for row in re.split(r"\\\\", matrix[1]) if row.strip()]
        return Matrix(tuple(tuple(_parse(cell, depth - 1) for cell in row.split("&")) for row in rows))
    cases = _CASES.fullmatch(text)
    if cases:
        rows = [row.replace("&", " ").strip(" ,") for row in re.split(r"\\\\", cases[2]) if row.strip(" ,")]
        if all(len(_RELATION.findall(row)) == 1 and "\\text" not in row for row in rows):
            return Group("", "", tuple(_parse(row, depth - 1) for row in rows))
    return None


def _named(text: str, depth: int) -> Form | None:
    """Read a value with its name or its approximations; None where the left side is no name."""
    approximated = split(text, "\\approx")
    if len(approximated) > 1 and not _NAME.fullmatch(approximated[0]):
        sides = approximated
        first = _parse(sides[0], depth - 1)
        rest = tuple(_parse(side, depth - 1) for side in sides[1:])
        if isinstance(first, Named):
            return Named(first.name, Approximated((first.value, *rest)), first.written)
        return Approximated((first, *rest))
    for match in _TOKEN.finditer(text):
        if match[0] in _NAME_SIGNS:
            left, right = text[: match.start()], text[match.end() :]
            if not right.strip() or not _NAME.fullmatch(left.strip(" &")) or len(split(left, ",")) > 1:
                return None
            several = split(right, ",")
            if len(several) > 1 and any(_RELATION.search(part) for part in several):
                return None
            return Named(compact(left.strip(" &")), _parse(right, depth - 1), Leaf(text))
        if match[0] in _ORDER:
            return None
    return None


def _interval(text: str, depth: int) -> Named | None:
    """An inequality that bounds one variable, as the interval where it holds."""
    signs = [match[0] for match in _TOKEN.finditer(text) if match[0] in _ORDER]
    sides = [side.strip() for side in split(text, *_ORDER)]
    if len(signs) not in (1, 2) or len(sides) != len(signs) + 1 or _RELATION.search("".join(sides)):
        return None
    if all(sign in {">", "\\ge"} for sign in signs):
        sides.reverse()
        signs.reverse()
    elif not all(sign in {"<", "\\le"} for sign in signs):
        return None
    at = 1 if len(sides) == 3 else next((i for i, side in enumerate(sides) if _VARIABLE.fullmatch(side)), -1)
    if at < 0 or not _VARIABLE.fullmatch(sides[at]):
        return None
    low, high = (sides[0] if at else "-\\infty"), (sides[-1] if at < len(sides) - 1 else "\\infty")
    if sides[at] in _letters(low) | _letters(high):
        return None
    opening = _ORDER[signs[0]] if at else "("
    closing = {"(": ")", "[": "]"}[_ORDER[signs[-1]]] if at < len(sides) - 1 else ")"
    ends = (_parse(low, depth - 1), _parse(high, depth - 1))
    return Named(compact(sides[at]), Group(opening, closing, ends), Leaf(text))


def _one_range(items: tuple[Form, ...], text: str) -> Named | None:
    """Inequalities of one variable as the range that they give it: `x<1, x>3` is a union, `0<x, x<1` an interval.

    Disjoint ranges are alternatives: their intersection would be empty. Two half-lines that overlap hold together:
    their union would be the whole line.
    """
    names = {item.name for item in items if isinstance(item, Named)}
    ranges = [item.value for item in items if isinstance(item, Named) and _bounds(item.value) is not None]
    if len(names) != 1 or len(ranges) != len(items):
        return None
    ranges.sort(key=lambda one: _bounds(one) or (0, 0))
    ends = [bounds for one in ranges if (bounds := _bounds(one))]
    if all(before[1] <= after[0] for before, after in itertools.pairwise(ends)):
        return Named(names.pop(), Union(tuple(ranges)), Leaf(text))
    first, second = ranges[0], ranges[-1]
    if len(ranges) == 2 and ends[0][0] == -math.inf and ends[1][1] == math.inf:
        assert isinstance(first, Group)
        assert isinstance(second, Group)
        inside = Group(second.open, first.close, (second.items[0], first.items[1]))
        return Named(names.pop(), inside, Leaf(text))
    return None


def _bounds(form: Form) -> tuple[float, float] | None:
    """The ends of an interval of numbers."""
    if not isinstance(form, Group) or len(form.items) != 2 or {form.open, form.close} & {"", "\\{"}:
        return None
    ends = [_INFINITE.get(item.text) for item in form.items if isinstance(item, Leaf)]
    for index, item in enumerate(form.items):
        if isinstance(item, Leaf) and ends[index] is None and (number := plain_number(item.text)):
            ends[index] = float(number.value)
    low, high = ends if len(ends) == 2 else (None, None)
    return None if low is None or high is None else (low, high)


def _letters(text: str) -> set[str]:
    return set(re.findall(r"\\[a-zA-Z]+|[a-zA-Z]", text))


def form_key(form: Form) -> str:
    """The letters and digits of a form, to compare an answer in words with one that was split at its commas."""
    if isinstance(form, Leaf):
        return text_key(form.text + form.unit)
    if isinstance(form, Matrix):
        return "".join(form_key(cell) for row in form.rows for cell in row)
    if isinstance(form, Time | Ratio):
        return text_key(str(form))
    if isinstance(form, Named):
        return text_key(form.written.text)
    if isinstance(form, Choice):
        return text_key(form.letter) + form_key(form.value)
    return "".join(form_key(item) for item in form.items)


def described(form: Form) -> str:
    """How an answer was read, in words.

    >>> described(parse_form("x \\\\in [0, 1)")), described(parse_form("14 keys"))
    ('x: interval or tuple [0, 1)', '14 (unit: keys)')
    """
    if isinstance(form, Leaf):
        return (f"the text {form.text!r}" if form.words else form.text) + (
            f" (unit: {form.unit})" * bool(form.unit)
        )
    if isinstance(form, Named):
        return f"{form.name}: {described(form.value)}"
    if isinstance(form, Choice):
        return f"choice {form.letter}" + (f": {described(form.value)}" if form.value != Leaf("") else "")
    if isinstance(form, Matrix):
        return "matrix " + "; ".join(", ".join(described(cell) for cell in row) for row in form.rows)
    if isinstance(form, Time | Ratio):
        return f"{'time' if isinstance(form, Time) else 'ratio'} {form}"
    inner = [described(item) for item in form.items]
    if isinstance(form, Union):
        return "union of " + " and ".join(inner)
    if isinstance(form, Approximated):
        return ", about ".join(inner)
    kind = {"": "list ", "\\{": "set "}.get(form.open, "interval or tuple ")
    return kind + form.open + ", ".join(inner) + form.close
