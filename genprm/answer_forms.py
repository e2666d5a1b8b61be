"""The normal form of a final answer: a tree of lists, tuples, intervals, unions and matrices over single values.

Two forms are compared part by part; a value is compared as text, as a plain number, or by algebra that the caller
supplies. Nothing here runs longer than linear time in the length of the answer, and nothing imports sympy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

DEEPEST = 20
"""Brackets nested deeper than this are left to algebra."""
LONGEST_NUMBER = 400
"""Digits (or decimal exponent) beyond which a numeral is not read as a number."""


class UndecidedError(Exception):
    """Two values are neither the same text nor both plain numbers: algebra has to decide."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A single value. `unit` is what the question usually fixes: a unit, degrees, percent, currency, or a base.

    `words` marks a value that is text, not mathematics.
    """

    text: str
    unit: str = ""
    words: bool = False


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

_REPLACED: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        ("[−–]", "-"),
        ("×", r"\\times "),
        ("π", r"\\pi "),
        ("∞", r"\\infty "),
        ("√", r"\\sqrt "),
        ("∪", r"\\cup "),
        ("°", r"^{\\circ}"),
        (r",\s*\\!\s*(?=\d{3})|\{,\}(?=\d{3})", ""),
        (r"(?<=\d)\s*\\[,;:]\s*(?=\d{3}(?!\d))", ""),
        (r"\\(?:left|right|bigl|bigr|big|Big|displaystyle|textstyle|limits|mathopen|mathclose)(?![a-zA-Z])", ""),
        (r"(?<!\\)\\(?:[,;:!>]|quad(?![a-zA-Z])|qquad(?![a-zA-Z])|\s)|~|&nbsp;", " "),
        (r"\\[dtc]frac(?![a-zA-Z])", r"\\frac"),
        (r"\\(?:mbox|textrm|textbf|textit|textnormal|mathrm|mathbf|rm|hbox|operatorname)(?=\s*\{)", r"\\text"),
        (r"\\lbrace(?![a-zA-Z])", r"\\{"),
        (r"\\rbrace(?![a-zA-Z])", r"\\}"),
        (r"\\[bvV]matrix|\\array", r"\\pmatrix"),
        (r"\{[bvBV]matrix\}", "{pmatrix}"),
        (r"\\(?:leq|leqslant)(?![a-zA-Z])", r"\\le"),
        (r"\\(?:geq|geqslant)(?![a-zA-Z])", r"\\ge"),
        (r"\\(?:dots|ldots|cdots)(?![a-zA-Z])", "..."),
        (r"\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![a-zA-Z]))|\\degree(?![a-zA-Z])", r"\\degree "),
        (r"\s*(?:\\text\s*\{\s*,?\s*(?:and|or)\s*,?\s*\}|\band\b|\bor\b)\s*", ", "),
        (r",\s*,", ","),
        (r"\\text\s*\{\s*([-+\d.,/\s]*)\s*\}", r" \1 "),
    )
)
_FRAC = re.compile(r"\\frac\s*(?:\{(?P<a>[^{}]*)\}|(?P<b>\d))\s*(?:\{(?P<c>[^{}]*)\}|(?P<d>\d|[a-zA-Z]))")
_ROOT = re.compile(r"\\sqrt\s*(\d|[a-zA-Z])")
_GROUPED = re.compile(r"(?<![\d,.])\d{1,3}(?:,\d{3})+(?![\d,])")
_UNIT = re.compile(r"(?<=\S)\s*\\text\s*\{([^{}]*)\}\s*(?:\^\s*\{?\s*(\d)\s*\}?)?\s*$")
_BARE_UNIT = re.compile(r"(?<=[\d)}])\s*([a-zA-Z]{2,}(?:[ .][a-zA-Z]+)*)\s*(?:\^\s*\{?\s*(\d)\s*\}?)?\s*$")
_BASE = re.compile(r"([0-9A-Fa-f.]+)\s*_\s*(?:\{\s*(\d+)\s*\}|(\d+))$")
_SYMBOL_UNITS = (("\\%", "percent"), ("%", "percent"), ("\\degree", "degree"))
_CURRENCY = re.compile(r"^([-+]?)\s*(?:\\\$|\$|\\pounds?(?![a-zA-Z])|£|€)\s*")
_LEFT_SIDE = re.compile(
    r"^\s*(?:[a-zA-Z]|\\[a-zA-Z]+)(?:_\{?\w+\}?)?(?:\s*\(\s*[a-zA-Z]\s*\))?\s*(?:=|\\in(?![a-zA-Z]))"
)
_ANY_RELATION = re.compile(r"=|<|>|\\le(?![a-zA-Z])|\\ge(?![a-zA-Z])|\\ne|\\in(?![a-zA-Z])")
_WORD = re.compile(r"(?<![\\a-zA-Z])[a-zA-Z]{3,}")
_FUNCTIONS = frozenset(
    (
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "log",
        "exp",
        "arcsin",
        "arccos",
        "arctan",
        "sqrt",
        "max",
        "min",
        "mod",
    )
)
_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|.", re.DOTALL)
_OPENING = frozenset(("(", "[", "{", "\\{", "\\begin"))
_CLOSING = frozenset((")", "]", "}", "\\}", "\\end"))
_BRACKETS = {"(": ")", "[": "]", "\\{": "\\}"}
_INTEGER = r"\d+(?:,\d{3})*"
_NUMERAL = re.compile(
    rf"(?P<sign>[-+]?)(?:(?P<decimal>{_INTEGER}(?:\.\d*)?|\.\d+)"
    r"(?:[eE](?P<e>[-+]?\d{1,4})|(?:\\times|\\cdot)10\^(?:(?P<ten>-?\d)|\{(?P<ten_braced>-?\d{1,4})\}))?"
    r"|10\^\{(?P<power>-?\d{1,4})\}"
    rf"|(?:(?P<whole>\d+)\s*(?=\\frac|\s\d))?"
    rf"(?:\\frac\{{(?P<topa>{_INTEGER})\}}\{{(?P<bottoma>{_INTEGER})\}}"
    rf"|\s*(?P<topb>{_INTEGER})\s*[/:]\s*(?P<bottomb>{_INTEGER})))"
)
_UNIT_NAMES = {
    "centimeter": "cm", "millimeter": "mm", "kilometer": "km", "meter": "m", "inche": "in", "inch": "in",
    "feet": "ft", "foot": "ft", "mile": "mi", "gram": "g", "gm": "g", "kilogram": "kg", "hour": "h", "hr": "h",
    "minute": "min", "second": "s", "sec": "s", "degree": "degree", "dollar": "currency", "percent": "percent",
}  # fmt: skip
"""Singular names that mean the same unit."""
_ENVIRONMENT = re.compile(r"\\begin\{pmatrix\}(.*)\\end\{pmatrix\}", re.DOTALL)


def _unwrapped(text: str) -> str:
    """Without the math delimiters around it."""
    text = text.strip()
    for left, right in (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]")):
        inner = text[len(left) : len(text) - len(right)]
        if len(text) > len(left + right) and text.startswith(left) and text.endswith(right) and left not in inner:
            text = inner.strip()
    return text


def _fraction_braces(text: str) -> str:
    """`\\frac12`, `\\frac1{72}`, `\\sqrt5` with all their braces."""
    text = _ROOT.sub(r"\\sqrt{\1}", text)
    return _FRAC.sub(lambda m: f"\\frac{{{m['a'] or m['b'] or ''}}}{{{m['c'] or m['d'] or ''}}}", text)


def normalised(text: str) -> str:
    """LaTeX of an answer with one spelling for what is spelled in several ways."""
    text = _unwrapped(text)
    for pattern, replacement in _REPLACED:
        text = pattern.sub(replacement, text)
    text = _fraction_braces(text)
    text = re.sub(r"\s+", " ", text).strip()
    return text.rstrip(".,;").strip() if not text.endswith("...") else text


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
    if part.count("\\pm") + part.count("±") != 1:
        return [part]
    return [re.sub(r"\\pm(?![a-zA-Z])|±", sign, part) for sign in "+-"]


def _leaf(text: str) -> Leaf:
    """A single value, its unit split off."""
    text = text.strip().rstrip(".").strip()
    unit = ""
    if currency := _CURRENCY.match(text):
        text, unit = currency[1] + text[currency.end() :], "currency"
    for symbol, name in _SYMBOL_UNITS:
        if text.endswith(symbol) and text != symbol:
            text, unit = text.removesuffix(symbol).strip(), name
    for pattern in (_UNIT, _BARE_UNIT):
        found = pattern.search(text)
        if found and not _is_function(found[1]):
            text, unit = text[: found.start()].strip(), _unit_name(found[1], found[2] or "")
            break
    if base := _BASE.fullmatch(text):
        text, unit = base[1], f"base {base[2] or base[3]}"
    words = "\\text" in text or any(not _is_function(word) for word in _WORD.findall(_without_commands(text)))
    return Leaf(text.strip(), unit, words)


def _without_commands(text: str) -> str:
    return re.sub(r"\\[a-zA-Z]+", " ", text)


def _is_function(word: str) -> bool:
    return word in _FUNCTIONS


def _unit_name(unit: str, power: str) -> str:
    """One spelling for a unit: letters only, singular, `square` as a power."""
    letters = re.sub(r"[^a-z]", "", unit.lower())
    for word, number in (("square", "2"), ("cubic", "3"), ("sq", "2")):
        if letters.startswith(word) and letters != word:
            letters, power = letters.removeprefix(word), number
    known = _UNIT_NAMES.get(letters.removesuffix("s"), letters if len(letters) < 3 else letters.removesuffix("s"))
    return known + power


def parse_form(text: str) -> Form:
    """The normal form of an answer."""
    return _parse(normalised(text), DEEPEST)


def _parse(text: str, depth: int) -> Form:
    text = text.strip()
    matrix = _ENVIRONMENT.fullmatch(text)
    if matrix and depth and "\\begin" not in matrix[1]:
        rows = [row for row in re.split(r"\\\\", matrix[1]) if row.strip()]
        return Matrix(tuple(tuple(_parse(cell, depth - 1) for cell in row.split("&")) for row in rows))
    bare = _leaf(text)
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
    return _leaf(text)


def plain_number(text: str) -> tuple[Fraction, int | None] | None:
    """The value of a numeral and, for a decimal, how many digits stand after its point; None for anything else.

    Read are integers with or without thousands separators, decimals, scientific notation, fractions of two
    integers (`a/b`, `\\frac{a}{b}`), mixed numbers and ratios (`a:b`).
    """
    compact = re.sub(r"\s*(\\times|\\cdot)\s*", r"\1", text.replace("{,}", ",").strip())
    if len(compact) > LONGEST_NUMBER or not _NUMERAL.fullmatch(compact):
        return None
    found = _NUMERAL.fullmatch(compact)
    assert found is not None
    sign = -1 if found["sign"] == "-" else 1
    if found["decimal"]:
        digits = found["decimal"].replace(",", "").rstrip(".")
        exponent = int(found["e"] or found["ten"] or found["ten_braced"] or "0")
        if abs(exponent) > LONGEST_NUMBER:
            return None
        places = len(digits.partition(".")[2]) if "." in digits else None
        value = sign * Fraction(digits if not digits.startswith(".") else f"0{digits}") * Fraction(10) ** exponent
        return value, None if places is None else places - exponent
    if found["power"]:
        exponent = int(found["power"])
        return None if abs(exponent) > LONGEST_NUMBER else (sign * Fraction(10) ** exponent, None)
    whole = int((found["whole"] or "0").replace(",", ""))
    top, bottom = (int((found[f"{n}a"] or found[f"{n}b"]).replace(",", "")) for n in ("top", "bottom"))
    return None if bottom == 0 else (sign * (whole + Fraction(top, bottom)), None)


def _numbers_equal(first: tuple[Fraction, int | None], second: tuple[Fraction, int | None]) -> bool:
    """Exact, or a decimal that is an exact value rounded to the decimal's digits, four of them significant."""
    if first[0] == second[0]:
        return True
    (a, a_places), (b, b_places) = first, second
    if (a_places is None) == (b_places is None):
        return False
    exact, decimal, places = (a, b, b_places) if a_places is None else (b, a, a_places)
    assert places is not None
    unit = Fraction(1, 10) ** places
    return exact.denominator > 1 and abs(decimal) >= 1000 * unit and abs(exact - decimal) * 2 <= unit


def _text_key(text: str) -> str:
    return re.sub(r"[^0-9a-z]", "", re.sub(r"\\text\b|\\[a-zA-Z]+", "", text).lower())


def _compact(text: str) -> str:
    """Text without spaces and without the braces LaTeX does not need."""
    return re.sub(r"([_^])\{(\w)\}", r"\1\2", re.sub(r"\s+|\\(?:cdot|times)(?![a-zA-Z])|\*", "", text))


def leaves_equal(reference: Leaf, given: Leaf, algebra: LeafEqual) -> bool:
    """Whether two values are the same; `algebra` decides what text and numerals cannot."""
    if reference.words or given.words:
        return _text_key(reference.text) == _text_key(given.text)
    if reference.unit and given.unit and reference.unit != given.unit:
        return False
    if _compact(reference.text) == _compact(given.text):
        return True
    first, second = plain_number(reference.text), plain_number(given.text)
    if first is not None and second is not None:
        return _numbers_equal(first, second)
    left, right = _LEFT_SIDE.match(reference.text), _LEFT_SIDE.match(given.text)
    if (left is None) != (right is None):
        one, other = (reference, given) if left else (given, reference)
        end = (left or right).end()  # type: ignore[union-attr]
        if not _ANY_RELATION.search(other.text) and not _ANY_RELATION.search(one.text[end:]):
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
        return _text_key(form.text)
    if isinstance(form, Matrix):
        return "".join(_key(cell) for row in form.rows for cell in row)
    return "".join(_key(item) for item in form.items)
