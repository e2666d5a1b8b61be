"""Plain text, Unicode and Markdown rewritten as LaTeX of the same meaning: `2√3`, `x**2`, `pi/3`, `½`, `**61**`."""

from __future__ import annotations

import re
import unicodedata

_SIGNS = str.maketrans({
    "−": "-", "–": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ", "÷": "/",
    "∞": r"\infty ", "∪": r"\cup ", "∩": r"\cap ", "±": r"\pm ", "°": r"^{\circ}", "∅": r"\emptyset ",
    "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "≡": r"\equiv ", "∈": r"\in ", "ℝ": r"\mathbb{R}",
    "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}", "∠": r"\angle ", "⟨": r"\langle ", "⟩": r"\rangle ", "√": r"\sqrt ",
    "℃": r"^{\circ}C", "℉": r"^{\circ}F", "′": "'", "’": "'", "\u00a0": " ", "\u2009": " ", "\u202f": " ",
})  # fmt: skip
_VULGAR = re.compile("[¼-¾⅐-⅞]")
_RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]+")
_LOWERED = re.compile("[₀₁₂₃₄₅₆₇₈₉]+")
_WIDE = re.compile("[！-～]")
_GREEK = re.compile("[α-ωΓΔΘΛΞΠΣΦΨΩ]")
_MARKDOWN = (
    (re.compile(r"(?<![*\w)}\]])\*\*(?=\S)(.+?)(?<=\S)\*\*(?!\*)"), r"\1"),
    (re.compile(r"`([^`]+)`"), r"\1"),
    (re.compile(r"\A(?:__([^_]+)__|\*([^*]+)\*)\Z"), r"\1\2"),
)
_BARE = r"(?<![a-zA-Z\\])"
_END = r"(?![a-zA-Z])"
_NAMES = "arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|log|ln|exp"
_PLAIN = (
    (re.compile(r"\*\*"), "^"),
    (re.compile(r"<="), r"\\le "),
    (re.compile(r">="), r"\\ge "),
    (re.compile(rf"{_BARE}sqrt(?=[ \d({{\[])"), r"\\sqrt"),
    (re.compile(rf"{_BARE}(pi|infty|theta){_END}"), r"\\\1 "),
    (re.compile(rf"{_BARE}(?:infinity|inf|oo){_END}"), r"\\infty "),
    (re.compile(rf"{_BARE}({_NAMES})(?= ?[\\(\d^]| [a-zA-Z]{_END})"), r"\\\1"),
)
_ROOT = re.compile(r"\\sqrt *(?:\\(?:left|big|Big) *)?\(")
_ROOT_OF_WORD = re.compile(rf"\\sqrt *(\d+(?:\.\d+)?|[a-zA-Z]{_END})")
_TEXT = re.compile(r"(\\(?:text[a-z]*|mbox|hbox|mathrm|operatorname) ?\{[^{}]*\})")


def _root_braces(text: str) -> str:
    """`\\sqrt(...)` with braces in place of its parentheses."""
    while found := _ROOT.search(text):
        depth, end = 1, found.end()
        while end < len(text) and depth:
            depth += (text[end] == "(") - (text[end] == ")")
            end += 1
        if depth:
            return text
        inner = text[found.end() : end - 1].removesuffix("\\right")
        text = f"{text[: found.start()]}\\sqrt{{{inner}}}{text[end:]}"
    return text


def as_latex(text: str) -> str:
    """The text in LaTeX notation; what is LaTeX already stays as it is.

    >>> as_latex("2√3 + x² + ½"), as_latex("exp(9)/pi"), as_latex("**61**")
    ('2\\\\sqrt{3} + x^{2} + \\\\frac{1}{2}', '\\\\exp(9)/\\\\pi ', '61')
    """
    if not text.isascii():
        text = _WIDE.sub(lambda m: unicodedata.normalize("NFKC", m[0]), text)
        text = _VULGAR.sub(
            lambda m: "\\frac{{{}}}{{{}}}".format(*unicodedata.normalize("NFKC", m[0]).split("\u2044")), text
        )
        raised = "^{{{}}}"
        text = _RAISED.sub(lambda m: raised.format(unicodedata.normalize("NFKC", m[0]).replace("−", "-")), text)
        text = _LOWERED.sub(lambda m: f"_{{{unicodedata.normalize('NFKC', m[0])}}}", text)
        text = _GREEK.sub(_greek, text).translate(_SIGNS)
    for pattern, replacement in _MARKDOWN:
        text = pattern.sub(replacement, text)
    pieces = _TEXT.split(text)
    for index in range(0, len(pieces), 2):
        for pattern, replacement in _PLAIN:
            pieces[index] = pattern.sub(replacement, pieces[index])
    return _ROOT_OF_WORD.sub(r"\\sqrt{\1}", _root_braces("".join(pieces)))


def _greek(match: re.Match[str]) -> str:
    name = unicodedata.name(match[0]).split()[-1].replace("LAMDA", "LAMBDA").lower()
    return f"\\{name.capitalize() if match[0].isupper() else name} "
