"""One spelling for answers that can be spelled in several ways, and single values split from their units."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Leaf:
    """A single value. `unit` is what the question usually fixes: a unit, degrees, percent, currency, or a base.

    `words` marks a value that is text, not mathematics.
    """

    text: str
    unit: str = ""
    words: bool = False


_WORD_END = r"(?![a-zA-Z])"
_SPELLINGS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\s+", " "),
        ("[−–]", "-"),
        ("×", r"\\times "),
        ("π", r"\\pi "),
        ("∞", r"\\infty "),
        ("∪", r"\\cup "),
        ("±", r"\\pm "),
        ("°", r"^{\\circ}"),
        # thousands: 12,\!345  12{,}345  12\,345
        (r", ?\\! ?(?=\d{3})|\{,\}(?=\d{3})", ""),
        (r"(?<=\d) ?\\[,;:] ?(?=\d{3}(?!\d))", ""),
        (rf"\\(?:left|right|[bB]igg?[lr]?|displaystyle|textstyle|limits|mathopen|mathclose){_WORD_END}", ""),
        (rf"(?<!\\)\\(?:[,;:!> ]|quad{_WORD_END}|qquad{_WORD_END})|~|&nbsp;", " "),
        (rf"\\[dtc]frac{_WORD_END}", r"\\frac"),
        (r"\\(?:mbox|hbox|text[a-z]+|mathrm|mathbf|operatorname)(?= ?\{)", r"\\text"),
        (rf"\\lbrace{_WORD_END}", r"\\{"),
        (rf"\\rbrace{_WORD_END}", r"\\}"),
        (r"\{[bvBV]matrix\}", "{pmatrix}"),
        (rf"\\(?:leq|leqslant){_WORD_END}", r"\\le"),
        (rf"\\(?:geq|geqslant){_WORD_END}", r"\\ge"),
        (rf"\^ ?(?:\{{ ?\\circ ?\}}|\\circ{_WORD_END})|\\degree{_WORD_END}", r"^{\\circ}"),
        (r" ?(?:\\text ?\{ ?,? ?(?:and|or) ?,? ?\}|\b(?:and|or)\b) ?", ", "),
        (r", ?,", ","),
        (r"\\text ?\{([-+\d.,/ ]*)\}", r" \1 "),
        (rf"\\sqrt ?(\d|[a-zA-Z]{_WORD_END})", r"\\sqrt{\1}"),
        (rf"(\\frac ?|\\frac ?\{{[^{{}}]*\}} ?)\\pi{_WORD_END} ?", r"\1{\\pi}"),
    )
)
_FRACTION = re.compile(
    r"\\frac ?(?:\{(?P<a>[^{}]*)\}|(?P<b>\d)) ?(?:\{(?P<c>[^{}]*)\}|(?P<d>\d|[a-zA-Z]))", re.DOTALL
)
_WRAPPERS = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"))
_UNIT = re.compile(r"(?<=\S) ?\\text ?\{([^{}]*)\} ?(?:\^ ?\{? ?(\d) ?\}?)? ?$")
_SHORT_UNITS = r"cm|mm|km|kg|ft|in|mph|st|nd|rd|th|[ap]m|[ap]\.m\."
_BARE_UNIT = re.compile(
    rf"(?<=[\d)}}])(?: ([a-zA-Z]{{3,}}(?:[ .][a-zA-Z]+)*)| ?({_SHORT_UNITS}))(?:\^\{{?(\d)\}}?)?\.?$"
)
_NUMERAL_BASE = re.compile(r"(-?[0-9A-Z.]+) ?_ ?\{? ?(\d+) ?\}?")
_CURRENCY = re.compile(rf"^([-+]?) ?(?:\\\$|\$|\\pounds?{_WORD_END}|£|€) ?")
_SYMBOL_UNITS = (("\\%", "percent"), ("%", "percent"), ("^{\\circ}", "degree"))
_COMMAND = re.compile(r"\\[a-zA-Z]+")
_WORD = re.compile(r"[a-zA-Z]{3,}")
_OPERATOR = re.compile(r"[-+*/^_=<>\\]")
_COMPACTED = (
    (re.compile(rf" ?\\(?:cdot|times){_WORD_END} ?"), "*"),
    (re.compile(r"(?<!\d) | (?!\d)"), ""),
    (re.compile(r"([_^])\{(\w)\}"), r"\1\2"),
)
_FUNCTIONS = frozenset(
    ("sin", "cos", "tan", "cot", "sec", "csc", "log", "exp", "arcsin", "arccos", "arctan", "max", "min", "mod")
)
_UNIT_NAMES = {
    "centimeter": "cm", "millimeter": "mm", "kilometer": "km", "meter": "m", "inche": "in", "inch": "in",
    "feet": "ft", "foot": "ft", "mile": "mi", "gram": "g", "gm": "g", "kilogram": "kg", "hour": "h", "hr": "h",
    "minute": "min", "second": "s", "sec": "s", "degree": "degree", "dollar": "currency", "percent": "percent",
}  # fmt: skip
"""Singular names that mean the same unit."""


def _unwrapped(text: str) -> str:
    """Without the math delimiters around it, and without the end of the sentence."""
    text = _without_stop(text)
    for left, right in _WRAPPERS:
        inner = text[len(left) : len(text) - len(right)]
        alone = left not in inner.replace("\\$", "")
        if len(text) > len(left + right) and text.startswith(left) and text.endswith(right) and alone:
            text = _without_stop(inner)
    return text


def _without_stop(text: str) -> str:
    text = text.strip()
    return text if text.endswith(("...", "\\.", "\\,")) else text.rstrip(".,; ")


def normalised(text: str) -> str:
    """LaTeX of an answer in one spelling.

    >>> normalised(r"$\\dfrac12 \\,\\mbox{ cm}$")
    '\\\\frac{1}{2} \\\\text{ cm}'
    """
    text = _unwrapped(text)
    for pattern, replacement in _SPELLINGS:
        text = pattern.sub(replacement, text)
    text = _FRACTION.sub(lambda m: f"\\frac{{{m['a'] or m['b'] or ''}}}{{{m['c'] or m['d'] or ''}}}", text)
    return _without_stop(re.sub(" +", " ", text))


def _unit_name(unit: str, power: str) -> str:
    """One spelling for a unit: letters only, singular, `square` as a power."""
    letters = re.sub(r"[^a-z]", "", unit.lower())
    for word, number in (("square", "2"), ("cubic", "3"), ("sq", "2")):
        if letters.startswith(word) and letters != word:
            letters, power = letters.removeprefix(word), number
    singular = letters.removesuffix("s") if len(letters) > 2 else letters
    return _UNIT_NAMES.get(singular, singular) + power


def _split_unit(text: str) -> tuple[str, str]:
    """A value and its unit ("" for none)."""
    unit = ""
    if currency := _CURRENCY.match(text):
        text, unit = currency[1] + text[currency.end() :], "currency"
    for symbol, name in _SYMBOL_UNITS:
        if text.endswith(symbol) and text != symbol:
            text, unit = text.removesuffix(symbol).strip(), name
    if found := _UNIT.search(text):
        return text[: found.start()], _unit_name(found[1], found[2] or "")
    if (found := _BARE_UNIT.search(text)) and (found[1] or found[2]).split()[0] not in _FUNCTIONS:
        return text[: found.start()], _unit_name(found[1] or found[2], found[3] or "")
    based = _NUMERAL_BASE.fullmatch(text)
    # A letter is a digit only in bases above ten: A_1 is a variable.
    if based and (int(based[2][:4]) > 10 or not re.search("[A-Z]", based[1])):
        return based[1], f"base {based[2]}"
    return text, unit


def read_leaf(text: str) -> Leaf:
    """A single value in normalised LaTeX, its unit split off.

    >>> read_leaf("12 \\\\text{ square inches}")
    Leaf(text='12', unit='in2', words=False)
    """
    value, unit = _split_unit(text.strip().rstrip(".").strip())
    value = value.strip()
    bare_words = [word for word in _WORD.findall(_COMMAND.sub(" ", value)) if word not in _FUNCTIONS]
    words = "\\text" in value or (bool(bare_words) and not _OPERATOR.search(value))
    return Leaf(value, unit, words)


def text_key(text: str) -> str:
    """What has to agree between two answers in words: everything but case, spaces, brackets and punctuation."""
    return re.sub(r"[\s{}()\[\].,:;!?'\"$]|\\text|\\,", "", text).lower()


def compact(text: str) -> str:
    """Mathematics without the spaces and braces that LaTeX does not need, and with one sign for products.

    >>> compact("2 \\cdot 3^{2} x")
    '2*3^2x'
    """
    for pattern, replacement in _COMPACTED:
        text = pattern.sub(replacement, text)
    return text
