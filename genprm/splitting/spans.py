r"""Parts of a text that belong together: code fences, displayed formulas, formulas in a line."""

from __future__ import annotations

import re
from collections.abc import Iterable

Span = tuple[int, int]
"""Start and end of a part of a text; the end is excluded."""

_OPENING = re.compile(
    r"^[ \t]*(?P<fence>`{3,}(?=[^`\n]*$)|~{3,})|(?<!\\)(?P<bracket>\\\[)|(?P<dollars>\$\$)"
    r"|\\begin\{(?P<environment>\w+\*?)\}",
    re.MULTILINE,
)
# Between two prices there may be the end of a sentence, in a formula there is none.
_DOLLARS = r"(?<![\\$])\$(?! )(?:(?![.!?]\s+[A-Z])[^$\n])*(?<![\\ ])\$(?![\d$])"
_INLINE = re.compile(rf"(?<!\\)\\\((?:(?!\\\))[^\n]){{0,500}}\\\)|{_DOLLARS}|`[^`\n]+`")


def closed_spans(text: str) -> list[Span]:
    r"""Code fences, `\[...\]`, `$$...$$` and environments of LaTeX, in order, without overlap.

    A fence that nothing closes reaches to the end; any other opening that nothing closes is text.

    >>> text = "So\n\\[ x = 1 \\]\nand `y`."
    >>> [text[start:end] for start, end in closed_spans(text)]
    ['\\[ x = 1 \\]']
    """
    spans: list[Span] = []
    unclosed: set[str] = set()
    position = 0
    while match := _OPENING.search(text, position):
        end = _end_of_fence(text, match) if match["fence"] else _end_of_formula(text, match, unclosed)
        if end is not None:
            start = match.start("fence") if match["fence"] else match.start()
            spans.append((start, end))
        position = match.end() if end is None else end
    return spans


def _end_of_fence(text: str, opening: re.Match[str]) -> int:
    fence = opening["fence"]
    closing = re.compile(rf"^[ \t]*{fence[0]}{{{len(fence)},}}[ \t]*$", re.MULTILINE).search(text, opening.end())
    return closing.end() if closing else len(text)


def _end_of_formula(text: str, opening: re.Match[str], unclosed: set[str]) -> int | None:
    r"""Where the formula ends; None if nothing closes it. `unclosed` holds closings that do not occur any more."""
    name = opening["environment"]
    closing = f"\\end{{{name}}}" if name else "\\]" if opening["bracket"] else "$$"
    at = -1 if closing in unclosed else text.find(closing, opening.end())
    if at < 0:
        unclosed.add(closing)
        return None
    return at + len(closing)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that overlap as one.

    >>> merged([(4, 9), (0, 2), (5, 6)])
    [(0, 2), (4, 9)]
    """
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def inline_spans(text: str) -> list[Span]:
    r"""Formulas and code within a line: `\(...\)`, `$...$` (prices are not), and code in backticks.

    >>> text = "It costs $5, so $x = 5$."
    >>> [text[start:end] for start, end in inline_spans(text)]
    ['$x = 5$']
    """
    return [match.span() for match in _INLINE.finditer(text)]
