"""One spelling for answers that can be spelled in several ways, and single values split from their units."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

from genprm.answers.notation import as_latex
from genprm.answers.units import NUMBER_WORDS, POWER_WORDS, split_symbols, unit_name


@dataclass(frozen=True, slots=True)
class Leaf:
    """A single value. `unit` is what the question usually fixes: a unit, degrees, percent, currency, or a base.

    `words` marks a value that is text, not mathematics.
    """

    text: str
    unit: str = ""
    words: bool = False


_WORD_END = r"(?![a-zA-Z])"
_Replacement = str | Callable[[re.Match[str]], str]
_SPELLED: tuple[tuple[str, _Replacement], ...] = (
        (r"\s+", " "),
        (r"(?<!\\)\\(?=\d)", ""),
        # thousands: 12,\!345  12{,}345  12\,345
        (r", ?\\! ?(?=\d{3})|\{,\}(?=\d{3})", ""),
        (r"(?<=\d) ?\\[,;:] ?(?=\d{3}(?!\d))", ""),
        (r"(?<!\\)\\[()]", " "),
        (r"(?<![^ ,(])\$([^$]+)(?<!\\)\$(?![^ ,.;)])", r"\1"),
        (r"(?:\\(?:mathbb|mathbf|Bbb) ?\{? ?R ?\}?|\\R)" + _WORD_END, r"(-\\infty,\\infty)"),
        (r"\\(?:mathbf|Bbb) ?\{? ?([CNQZ]) ?\}?" + _WORD_END, r"\\mathbb{\1}"),
        (r"\\(?:text)?color ?\{[a-zA-Z]+\} ?", ""),
        (r"\{ ?\\(?:bf|rm|it) ?(?=[^{}]*\})", "{"),
        (r"\\(?:bm|boldsymbol|mathbf|textbf|bold|mathit|mathsf|underline) ?\{ ?([\d.,-]+|[a-zA-Z]) ?\}", r"\1"),
        (rf"\\(?:left|right|[bB]igg?[lr]?|displaystyle|textstyle|limits|mathopen|mathclose){_WORD_END}", ""),
        (rf"(?<!\\)\\(?:[,;:!> ]|quad{_WORD_END}|qquad{_WORD_END})|~|&nbsp;", " "),
        (rf"\\[dtc]frac{_WORD_END}", r"\\frac"),
        (r"\\(?:mbox|hbox|text[a-z]+|mathrm|mathbf|operatorname)(?= ?\{)", r"\\text"),
        (rf"\\(?:lbrace|rbrace){_WORD_END}", lambda m: "\\{" if m[0] == "\\lbrace" else "\\}"),
        (rf"\\langle{_WORD_END}", "("),
        (rf"\\rangle{_WORD_END}", ")"),
        (rf"\\(?:varnothing|emptyset|O){_WORD_END}|\\\{{ ?\\\}}", r"\\emptyset "),
        (r"\{[bvBV]?matrix\}", "{pmatrix}"),
        (r"[(\[] ?\\begin\{(array|pmatrix)\}(?:\{[^{}]*\})?(.*?)\\end\{\1\} ?[)\]]",
         r"\\begin{pmatrix}\2\\end{pmatrix}"),
        (r"\\\{ ?\\begin\{array\}(?:\{[^{}]*\})?(.*?)\\end\{array\} ?\.?", r"\\begin{cases}\1\\end{cases}"),
        (rf"\\(?:leq|leqslant){_WORD_END}", r"\\le"),
        (rf"\\(?:geq|geqslant){_WORD_END}", r"\\ge"),
        (rf"\\(?:lt){_WORD_END}", "<"),
        (rf"\\(?:gt){_WORD_END}", ">"),
        (rf"\\neq{_WORD_END}", r"\\ne"),
        (rf"\\(?:approx|simeq|thickapprox){_WORD_END}", r"\\approx"),
        (rf"\^ ?(?:\{{ ?\\circ ?\}}|\\circ{_WORD_END})|\\degree{_WORD_END}", r"^{\\circ}"),
        (rf"\\[lr]vert{_WORD_END}", "|"),
        (rf"\^ ?\{{? ?\\prime{_WORD_END} ?\}}?", "'"),
        (r" ?(?:\\text ?\{ ?,? ?(?:and|or) ?,? ?\}|(?<![a-zA-Z\\])(?:and|or)(?![a-zA-Z])) ?", ", "),
        (r" ?\\text ?\{ ?(?:and|or) ", r", \\text{ "),
        (r"; ?", ", "),
        (r", ?,", ","),
        (r"\\text ?\{([-+\d.,:/ ]*)\}", r" \1 "),
        (rf"\\sqrt ?(\d|[a-zA-Z]{_WORD_END})", r"\\sqrt{\1}"),
        (rf"(\\frac ?|\\frac ?\{{[^{{}}]*\}} ?)\\pi{_WORD_END} ?", r"\1{\\pi}"),
        (r"(?<![\d.])(\d{1,3})((?: \d{3})+)(?![\d])", lambda m: m[0].replace(" ", "")),
        # 0.333... and 0.1818...
        (r"(?<!\d)(?=\d*\.\d+ ?(?:\\[lc]?dots|\.\.\.))"
         r"(\d*\.\d*?)(?:(\d)\2{2,}|(\d{2,40}?)\3+) ?(?:\\[lc]?dots|\.\.\.)",
         lambda m: f"{m[1]}\\overline{{{m[2] or m[3]}}}"),
        # the range of the parameter of a family of solutions
        (r"(?:, ?|(?=\\text))(?:\\text ?\{ ?(?:where|for|with|for all|for any|for some) ?\} ?)?[a-z] ?\\in ?"
         r"(?:\\(?:mathbb|mathbf|Bbb) ?\{? ?[ZNQ] ?\}?(?:\^[+*])?|\(-\\infty,\\infty\)) ?$", ""),
        (r",? ?(?:\\text ?\{ ?)?(?:where|for|with|for all|for any|for some)(?: ?\})? ?\$?[a-z]\$? ?"
         r"(?:\\text ?\{ ?)?(?:is|are) (?:an |any )?(?:integers?|real numbers?)(?: ?\})?$", ""),
        (rf" ?\\pmod ?(?:\{{[^{{}}]*\}}|\d+)$| ?\(\\(?:mod|bmod){_WORD_END}[^()]*\)$", ""),
)  # fmt: skip
_SPELLINGS = tuple((re.compile(pattern, re.DOTALL), replacement) for pattern, replacement in _SPELLED)
_PLAIN = re.compile(r"-?\d+(?:\.\d+)?(?: (?!and|or|where|for|with)[a-z]{3,})?", re.ASCII)
"""A number, with or without a word behind it: its spelling is normal already."""
_FRACTION = re.compile(
    r"\\frac ?(?:\{(?P<a>[^{}]*)\}|(?P<b>\d)) ?(?:\{(?P<c>[^{}]*)\}|(?P<d>\d|[a-zA-Z]))", re.DOTALL
)
_WRAPPERS = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("\\boxed{", "}"))
_SAID_BEFORE = re.compile(r"^(?:[=:]|\\approx(?![a-zA-Z]))\s*")
_UNIT = re.compile(r"(?<=\S) ?\\text ?\{([^{}]*)\} ?(?:\^ ?\{? ?(-?\d) ?\}?)? ?$")
_UNIT_OVER = re.compile(r"(?<=[\d)}]) ?\\text ?\{([^{}]*)\} ?/ ?\\text ?\{([^{}]*)\} ?(?:\^ ?\{? ?(\d) ?\}?)? ?$")
_NUMBER_WORD = re.compile(rf"^(.*\d.*?) ?(?:\\text ?\{{ ?)?({'|'.join(NUMBER_WORDS)})s?(?: ?\}}| (.*))?$")
_POWER_WORD = re.compile(rf"^(.*\S) ?(?:\\text ?\{{ ?)?\b({'|'.join(POWER_WORDS)})(?: ?\}})?$")
_NUMERAL_BASE = re.compile(r"(-?[0-9A-Z.]+) ?_ ?\{? ?(?:\\text ?\{ ?)?(\d+)(?: ?\})? ?\}?")
_CURRENCIES = {
    "\\$": "dollar", "$": "dollar", "€": "euro", "\\euro": "euro", "£": "sterling", "\\pound": "sterling",
    "\\pounds": "sterling", "¥": "yen", "\\yen": "yen",
}  # fmt: skip
_CURRENCY = re.compile(rf"^([-+]?) ?(\\?\$|[€£¥]|\\(?:pounds?|euro|yen){_WORD_END}) ?")
_SYMBOL_UNITS = (
    ("\\%", "percent"), ("%", "percent"), ("^{\\circ}", "degree"), *_CURRENCIES.items(),
    ("''", "in"), ("'", "prime"),
)  # fmt: skip
_TEMPERATURE = re.compile(
    r"(?<=[\d)}]) ?(?:\\text ?\{)? ?\^\{\\circ\} ?(?:\\text ?\{ ?)?(C|F|celsius|fahrenheit)(?: ?\})?",
    re.IGNORECASE,
)
_VALUE_END = re.compile(r"[\d)}] ?$")
_ANGLE_FUNCTION = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-zA-Z])")
_NUMERAL = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)
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


def _unwrapped(text: str) -> str:
    """The text without the math delimiters around it and without the punctuation that ends its sentence."""
    text = _without_stop(text)
    for left, right in _WRAPPERS:
        inner = text[len(left) : len(text) - len(right)]
        alone = left not in inner.replace("\\$", "") and (right != "}" or inner.count("{") == inner.count("}"))
        if len(text) > len(left + right) and text.startswith(left) and text.endswith(right) and alone:
            text = _without_stop(inner)
    return text


def _without_stop(text: str) -> str:
    text = text.strip()
    return text if text.endswith(("...", "\\.", "\\,")) else text.rstrip(".,; ")


def normalised(text: str) -> str:
    """The LaTeX of an answer in normal spelling.

    >>> normalised(r"$\\dfrac12 \\,\\mbox{ cm}$")
    '\\\\frac{1}{2} \\\\text{ cm}'
    """
    if _PLAIN.fullmatch(text):
        return text
    text = _unwrapped(as_latex(text))
    if _PLAIN.fullmatch(text):
        return text
    for pattern, replacement in _SPELLINGS:
        text = pattern.sub(replacement, text)
    text = _FRACTION.sub(lambda m: f"\\frac{{{m['a'] or m['b'] or ''}}}{{{m['c'] or m['d'] or ''}}}", text)
    return _without_stop(_SAID_BEFORE.sub("", re.sub(" +", " ", text).strip()))


def _split_unit(text: str) -> tuple[str, str]:
    """A value and its unit ("" for none)."""
    unit = ""
    if currency := _CURRENCY.match(text):
        text, unit = currency[1] + text[currency.end() :], _CURRENCIES[currency[2]]
    for symbol, symbol_unit in _SYMBOL_UNITS:
        if symbol_unit == "degree" and _ANGLE_FUNCTION.search(text):
            continue
        if text.endswith(symbol) and _VALUE_END.search(text.removesuffix(symbol)):
            text, unit = text.removesuffix(symbol).strip(), symbol_unit
    if (found := _TEMPERATURE.search(text)) and found.end() == len(text):
        return text[: found.start()], unit_name(f"degree {found[1]}") or ""
    if found := _UNIT_OVER.search(text):
        name = unit_name(f"{found[1]}/{found[2]}" + (f"^{found[3]}" if found[3] else ""))
    elif found := _UNIT.search(text):
        name = unit_name(found[1] + (f"^{found[2]}" if found[2] else ""))
    if found and name and found.start():
        return text[: found.start()], name
    if split := split_symbols(text):
        return split
    based = _NUMERAL_BASE.fullmatch(text)
    # A letter is a digit only in bases above ten: A_1 is a variable.
    if based and (int(based[2][:4]) > 10 or not re.search("[A-Z]", based[1])):
        return based[1], f"base {based[2]}"
    return text, unit


def _without_number_words(text: str) -> str:
    """`5 million keys` as `5*10^{6} keys`, `4 squared` as `(4)^2`."""
    if found := _NUMBER_WORD.match(text):
        number, word, rest = found[1].strip(), found[2], found[3] or ""
        currency = _CURRENCY.match(number)
        sign = currency[0] if currency else ""
        value = number.removeprefix(sign)
        if re.fullmatch(r"[-\d.,]+", value):
            return f"{sign}{value}\\times {NUMBER_WORDS[word]}" + (f" {rest}" if rest else "")
    if (found := _POWER_WORD.match(text)) and not re.search("[a-zA-Z]{3}", _COMMAND.sub("", found[1])):
        return f"({found[1]})^{POWER_WORDS[found[2]]}"
    return text


def read_leaf(text: str) -> Leaf:
    """A single value in normalised LaTeX, its unit split off.

    >>> read_leaf("12 \\\\text{ square inches}")
    Leaf(text='12', unit='in^2', words=False)
    """
    text = text.strip().rstrip(".").strip()
    if _NUMERAL.fullmatch(text):
        return Leaf(text)
    if text[-1:].isalpha() or text.endswith("}"):
        text = _without_number_words(text)
    value, unit = _split_unit(text)
    value = value.strip()
    bare_words = [word for word in _WORD.findall(_COMMAND.sub(" ", value)) if word not in _FUNCTIONS]
    words = "\\text" in value or (bool(bare_words) and not _OPERATOR.search(value))
    return Leaf(value, unit, words)


_DROPPED = re.compile(r"\\text|\\,|[\s{}()\[\]!?\"$]|(?<!\d)[.,:;]|[.,:;](?!\d)|(?<![a-zA-Z])'|'(?![a-zA-Z])")


def text_key(text: str) -> str:
    """The key by which answers in words are compared: the text without case, spaces, brackets and punctuation.

    Points, commas and colons between digits stay, and the case of a letter that is the only one.
    """
    if len(re.findall(r"[a-zA-Z]", _COMMAND.sub("", text))) > 1:
        text = text.lower()
    return _DROPPED.sub("", text)


@functools.lru_cache(maxsize=8192)
def compact(text: str) -> str:
    """Mathematics without the spaces and braces that LaTeX does not need, and with one sign for products.

    >>> compact(r"2 \\cdot 3^{2} x")
    '2*3^2x'
    """
    for pattern, replacement in _COMPACTED:
        text = pattern.sub(replacement, text)
    return text
