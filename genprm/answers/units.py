"""Tables of what accompanies a value: units, currencies, percent and number words."""

from __future__ import annotations

import re

_NAMES = {
    "mm": "millimeter millimetre", "cm": "centimeter centimetre", "m": "meter metre", "km": "kilometer kilometre",
    "in": "inch inche", "ft": "foot feet", "yd": "yard", "mi": "mile", "mg": "milligram", "g": "gram gm",
    "kg": "kilogram", "lb": "pound", "oz": "ounce", "ml": "milliliter millilitre mL", "L": "liter litre l",
    "s": "second sec", "min": "minute", "h": "hour hr", "day": "", "week": "", "month": "", "year": "yr",
    "mph": "", "kph": "", "Hz": "hertz", "N": "newton", "J": "joule", "kJ": "", "W": "watt", "kW": "", "V": "volt",
    "A": "ampere amp", "K": "kelvin", "Pa": "", "eV": "", "mol": "", "degree": "deg", "rad": "radian",
    "percent": "pct", "dollar": "usd buck", "euro": "eur", "sterling": "gbp", "yen": "jpy", "cent": "", "unit": "",
    "celsius": "centigrade", "fahrenheit": "",
    "AU": "", "nm": "", "Angstrom": "", "hectare": "", "acre": "", "ordinal": "st nd rd th",
}  # fmt: skip
UNITS = {name: unit for unit, names in _NAMES.items() for name in [unit, *names.split()]}
"""The one name of each unit, by its singular names and its symbols."""

NUMBER_WORDS = {
    "dozen": "12", "hundred": "100", "thousand": "1000", "million": "10^{6}", "billion": "10^{9}",
    "trillion": "10^{12}",
}  # fmt: skip
"""Words that multiply the number before them."""

POWER_WORDS = {"squared": "2", "cubed": "3"}
"""Words that raise the number before them."""

_SCALES = {"c": "celsius", "f": "fahrenheit"}
# "5 pounds" is a weight or a price, and "25 degrees" an angle or a temperature of the question's scale.
_AMBIGUOUS = frozenset(
    frozenset(pair) for pair in (("lb", "sterling"), ("degree", "celsius"), ("degree", "fahrenheit"))
)
_SHAPES = {"square": "2", "sq": "2", "cubic": "3", "cu": "3"}
_STATEMENTS = (
    "is are was were be not no wrong right false true correct incorrect if when where since because so "
    "but than more less least most fewer only except mod modulo plus minus over divided factorial half "
    "halves third thirds quarter quarters fourths fifths sixths sevenths eighths ninths tenths sqrt root "
    "does do can cannot which that this then sin cos tan cot sec csc log exp choose with without even odd "
    "prime yes undefined none "
)
_NO_UNIT = frozenset(_STATEMENTS.split())
"""Words that change what a value says: text with one of them is not a unit."""
_SYMBOL = re.compile(r"[a-zA-Z]+")
_ATOM = r"[a-zA-Z]+(?:\^\{?-?\d\}?)?"
_BEHIND_VALUE = re.compile(rf"(.*?(?:[\d)}}]|\\pi))( ?)({_ATOM}(?:(?: ?[/*] ?| ){_ATOM})*\.?)", re.DOTALL)
_LETTERS = frozenset("msghLlNJWVKA")
"""Units of one letter. They are read only behind a blank: `5m` is a product."""


def is_unit(text: str) -> bool:
    """Whether the text is a known unit."""
    return text in UNITS or text.lower() in UNITS or (len(text) > 3 and text.lower().removesuffix("s") in UNITS)


def units_agree(first: str, second: str) -> bool:
    """Whether values with these units can be equal: the same unit, none on one side, or a pair read in two ways.

    >>> units_agree("euro", "sterling"), units_agree("euro", ""), units_agree("degree", "celsius")
    (False, True, True)
    """
    return not first or not second or first == second or frozenset((first, second)) in _AMBIGUOUS


def unit_name(text: str) -> str | None:
    """One name for the unit that words or symbols spell; None if they say something else.

    A noun for what is counted is a unit too (`14 keys`); a word that changes the statement is not.

    >>> unit_name("square inches"), unit_name("km/h"), unit_name("keys"), unit_name("is wrong")
    ('in^2', 'km/h', 'keys', None)
    """
    text = " ".join(text.replace("$", "").replace(".", "").split()).strip(" ,")
    words = [word.lower() for word in re.findall(r"[a-zA-Z]+", text)]
    if not words or not _NO_UNIT.isdisjoint(words) or any(word in NUMBER_WORDS for word in words):
        return None
    if re.search(r"[^a-zA-Z0-9/*^{} ()'°-]", text) or re.search(r"(?<![\^{])\d", text):
        return None
    parts = re.split(r" ?/ ?| per ", text)
    return "/".join(_plain_unit(part) for part in parts)


def _plain_unit(text: str) -> str:
    power = ""
    words = text.split()
    if len(words) > 1 and words[0].lower() in _SHAPES:
        power, words = _SHAPES[words[0].lower()], words[1:]
    if len(words) == 2 and _singular(words[0]) == "degree":
        words = [_SCALES.get(words[1].lower(), words[1])]
    raised = re.fullmatch(r"([a-zA-Z]+)\^\{?(-?\d)\}?", words[-1])
    if raised:
        words[-1], power = raised[1], raised[2]
    if len(words) == 1:
        words = [_singular(words[0])]
    return " ".join(words) + (f"^{power}" if power else "")


def _singular(word: str) -> str:
    for spelled in (word, word.lower(), word.lower().removesuffix("s")):
        if spelled in UNITS:
            return UNITS[spelled]
    return word.lower()


def split_symbols(text: str) -> tuple[str, str] | None:
    """A value and the unit in bare letters behind it: `5 m/s`, `7days`, `14 keys`; None where there is none.

    >>> split_symbols("5 km/h"), split_symbols("7days"), split_symbols("3ab"), split_symbols("5 million")
    (('5', 'km/h'), ('7', 'day'), None, None)
    """
    found = _BEHIND_VALUE.fullmatch(text)
    return _check(found[1], found[2], found[3]) if found else None


def _check(value: str, blank: str, rest: str) -> tuple[str, str] | None:
    symbols = _SYMBOL.findall(rest)
    known = all(is_unit(symbol) or symbol in (*_SHAPES, "per") for symbol in symbols)
    if len(symbols[0]) == 1 and not (blank and known and symbols[0] in _LETTERS):
        return None
    if not known and (not blank or len(symbols[0]) < 3 or "^" in rest):
        return None
    unit = unit_name(rest)
    return None if unit is None else (value, unit)
