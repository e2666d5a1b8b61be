r"""Free text cut into steps: by its headings, paragraphs or sentences, or by a regular expression of the user.

Solutions that a policy was asked to write in numbered steps are cut by `genprm.steps`. This is for text as models
and people write it: `Step 1.`, `**Step 1:**`, `### Step 1`, lists `1.` or `1)`, "First, ... Second, ...",
paragraphs, or one sentence after the other. Only a regular expression of the user cuts inside a code fence or a
displayed formula. No text is lost except white space and rules (`---`) between steps, what the user's expression
matches, and a thought (`<think>...</think>`).
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from genprm.splitting.spans import Span, closed_spans, inline_spans, merged

AUTO = "auto"
GIVEN = "given"
"""`Split.how` of a solution that was given as steps."""


class SplitError(ValueError):
    """An unknown splitter, or a text without a solution; the message is one line."""


@dataclass(frozen=True, slots=True)
class Split:
    """The steps of a solution and the splitter that cut them: `given` where it was given as steps."""

    steps: list[str]
    how: str = GIVEN


_THOUGHT_TAG = re.compile(r"<(?P<closing>/?)think(?:ing)?>")
# Blank lines, and lines that hold nothing but a rule.
_GAP = re.compile(r"\n(?:[ \t]*(?:[-*_]{3,}[ \t]*)?\n)+")
_LINE_END = re.compile(r"\n")
# The indentation of the first line is kept: it says how deep a list is.
_BLANK_LINES = re.compile(r"\A\s*(?:\n|\Z)")
_TITLE = re.compile(r"#{1,6} [^\n]*|\*\*[^*\n]+\*\*:?|__[^_\n]+__:?")
_SENTENCE_END = re.compile(
    r"[.!?](?P<closing>\${1,2}|\\\)|\\\])?[)\"'”*]*(?=\s+[\"'“(*]*(?:[A-Z0-9$\\]|\Z))|[。！？]|\n"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|etc|approx|resp|cf|Eq|Eqs|Fig|Figs|Thm|e\.g|i\.e|w\.r\.t|a\.m|p\.m)"
    r"|(?:^|[.!?:]\s|\n)\(?\d{1,2}|(?:Mr|Mrs|Ms|Dr|Prof|\b[A-Z])\.\s[A-Z])\.$"
)

# Possessive: else the matcher would try every way to divide blanks between two repeats.
_MARKS = r"[ \t]{0,3}+(?:[-*+•][ \t]++)?(?:#{1,6}[ \t]*+)?(?:\*\*|__)?[ \t]*+"
_BEGINS_LINE = rf"^{_MARKS}"
_BEGINS_SENTENCE = r"(?:^[ \t]*|(?<=[.:;!?)] ))(?:\*\*|__)?"
_NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
_ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"]
_LAST = ("finally", "lastly")
_CHINESE = "一二三四五六七八九十"
_STEP = (
    rf"(?:step[ \t]*(?P<step>\d{{1,3}}|{'|'.join(_NUMBERS)})(?=[ \t]*(?:[:：.)*_–—-]|$))"
    rf"|步骤[ \t]*(?P<chinese>\d{{1,3}}|[{_CHINESE}])(?=[ \t]*(?:[:：.、)*_]|$))"
    rf"|第[ \t]*(?P<nth>\d{{1,3}}|[{_CHINESE}])[ \t]*步)"
)
_LISTED = r"(?:\((?P<inside>\d{1,2})\)|(?P<listed>\d{1,2})[.)])(?=[\s*_]|$)"
_ORDINAL = rf"(?P<ordinal>{'|'.join([*_ORDINALS, *_LAST])})(?:ly)?(?=[ \t]*[,:，：])"


@dataclass(frozen=True, slots=True)
class _Family:
    """One way of writing headings. With `in_order`, a heading that is out of numerical order is text; with
    `nested`, so is one that is not indented like the first."""

    heading: re.Pattern[str]
    in_order: bool
    nested: bool


def _family(begins: str, heading: str, *, in_order: bool, nested: bool = False) -> _Family:
    return _Family(re.compile(begins + heading, re.MULTILINE | re.IGNORECASE), in_order, nested)


_IN_LINES = (
    _family(_BEGINS_LINE, _STEP, in_order=False),
    _family(_BEGINS_LINE, _LISTED, in_order=True, nested=True),
    _family(_BEGINS_LINE, _ORDINAL, in_order=True),
)
_IN_ONE_LINE = (
    _family(_BEGINS_SENTENCE, _STEP, in_order=True),
    _family(_BEGINS_SENTENCE, _LISTED, in_order=True),
    _family(_BEGINS_SENTENCE, _ORDINAL, in_order=True),
)


def split_solution(text: str, how: str = AUTO) -> Split:
    r"""The steps of a solution that is given as text, without its thought.

    Args:
        how: `headings`, `paragraphs`, `sentences`; `auto`, which takes the first of these that finds two steps; or
            a regular expression that matches the text between steps (`(?=...)` keeps what it matches).

    Raises:
        SplitError: no such splitter, an invalid regular expression, or no text outside the thought.

    >>> split_solution("Let us see.\n\n**Step 1:** 2 + 3 = 5.\n\n**Step 2:** 5 + 4 = 9.")
    Split(steps=['Let us see.\n\n**Step 1:** 2 + 3 = 5.', '**Step 2:** 5 + 4 = 9.'], how='headings')
    >>> split_solution("Tom has 2.5 + 3 = 5.5 kg. He gets 4 more. So 9.5.").steps
    ['Tom has 2.5 + 3 = 5.5 kg.', 'He gets 4 more.', 'So 9.5.']
    """
    check_splitter(how)
    solution = without_thought(text)
    if not solution:
        raise SplitError("there is no solution in the text, allowed: text outside of <think>...</think>")
    if how == AUTO:
        return _automatic(solution)
    splitter = SPLITTERS.get(how)
    steps = splitter(solution) if splitter else _pieces(re.split(how, solution, flags=re.MULTILINE))
    return Split(steps or [solution.strip()], how)


def check_splitter(how: str) -> str:
    """Return `how` if it names a splitter or is a regular expression without groups.

    Raises:
        SplitError: it is a word that names no splitter, no regular expression, or one with groups.
    """
    if how == AUTO or how in SPLITTERS:
        return how
    allowed = f"{AUTO}, {', '.join(SPLITTERS)} or a regular expression"
    if re.fullmatch(r"[\w-]*", how):
        raise SplitError(f"split is {how!r}, allowed: {allowed}")
    try:
        groups = re.compile(how, re.MULTILINE).groups
    except re.error as error:
        raise SplitError(
            f"split is {how!r}, which is no regular expression ({error}), allowed: {allowed}"
        ) from None
    if groups:
        raise SplitError(f"split is {how!r}, allowed: an expression without groups; (?:...) groups nothing")
    return how


def without_thought(text: str) -> str:
    r"""A text without its thoughts (`<think>...</think>`). Where no tag opens the first, it begins with the text.

    An opening tag that is never closed begins a thought only at the start of the text; elsewhere it is plain text.

    >>> without_thought("<think>\n3 or 4?\n</think>\n\nIt is 4."), without_thought("Hm.</think>It is 4.")
    ('It is 4.', 'It is 4.')
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    said: list[str] = []
    position, thinks = 0, False
    tags = list(_THOUGHT_TAG.finditer(text))
    while tags and not tags[-1]["closing"]:
        tags.pop()
    for tag in tags:
        if tag["closing"]:
            if not thinks:
                said.clear()
            position, thinks = tag.end(), False
        elif not thinks:
            said.append(text[position : tag.start()])
            thinks = True
    rest = text[position:]
    open_thought = not "".join(said).strip() and _THOUGHT_TAG.match(rest.lstrip())
    return _BLANK_LINES.sub("", "".join([*said, "" if open_thought else rest])).rstrip()


def split_headings(text: str) -> list[str]:
    """One step for each heading; text before the first heading belongs to its step. One step where there are none.

    There are three kinds of headings: `Step 1` in all its spellings, numbered lists, and "First, ... Second, ...".
    The first kind that occurs twice is used. In a text of one line, headings may stand within the line. Lists are
    numbered 1, 2, ..., and may begin again at 1; a list that is indented within a step is text.
    """
    return _cut(text, _headings(text, _families(text))[1:])


def split_paragraphs(text: str) -> list[str]:
    """One step for each paragraph, or for each line where no line is blank.

    A paragraph that is only a formula or code belongs to the one before it, and a title to the one behind it.
    """
    spans = closed_spans(text)
    pieces = _cut(text, _ends(_GAP.finditer(text), spans))
    if len(pieces) == 1:
        pieces = _cut(text, _ends(_LINE_END.finditer(text), spans))
    return _joined(pieces)


def split_sentences(text: str) -> list[str]:
    """One step for each sentence; a line's end ends one too. The stop of an abbreviation or initial does not, nor
    does one within a formula, unless it is the formula's last character."""
    spans = merged([*closed_spans(text), *inline_spans(text)])
    closings = {end for _, end in spans}
    found = (
        match
        for match in _SENTENCE_END.finditer(text)
        if (match["closing"] is None or match.end("closing") in closings)
        and not _ABBREVIATION.search(text[max(0, match.end() - 12) : match.end()])
    )
    return _joined(_cut(text, _ends(found, spans)))


SPLITTERS: dict[str, Callable[[str], list[str]]] = {
    "headings": split_headings,
    "paragraphs": split_paragraphs,
    "sentences": split_sentences,
}
"""The splitters by name, in the order in which `auto` tries them."""


def _automatic(text: str) -> Split:
    for how, splitter in SPLITTERS.items():
        if how == "headings" and not _headings_rule(text):
            continue
        steps = splitter(text)
        if len(steps) > 1:
            return Split(steps, how)
    return Split([text.strip()], "sentences")


def _headings_rule(text: str) -> bool:
    """Whether headings structure the whole text. "First, ..." does so only in a text of one line, and a list only
    if at most one paragraph stands before it."""
    starts = _headings(text, _families(text))
    if len(starts) < 2 or len(_headings(text, _families(text)[:1])) > 1:
        return len(starts) > 1
    if len(_headings(text, _families(text)[:2])) < 2:
        return "\n" not in text
    return len(split_paragraphs(text[: starts[0]])) <= 1


def _families(text: str) -> Sequence[_Family]:
    return _IN_LINES if "\n" in text else _IN_ONE_LINE


def _headings(text: str, families: Sequence[_Family]) -> list[int]:
    """The positions of the headings of the first family that has at least two."""
    spans = closed_spans(text)
    for family in families:
        found = [match for match in family.heading.finditer(text) if not _inside(match.start(), spans)]
        if family.nested:
            found = _on_first_level(found)
        starts = [match.start() for match in (_in_order(found) if family.in_order else found)]
        if len(starts) > 1:
            return starts
    return []


def _on_first_level(headings: Sequence[re.Match[str]]) -> list[re.Match[str]]:
    """The headings that are indented like the first one with number 1."""
    indented = [(_indentation(match), match) for match in headings]
    level = next((blanks for blanks, match in indented if _number(_word(match)) == 1), 0)
    return [match for blanks, match in indented if blanks == level]


def _indentation(heading: re.Match[str]) -> int:
    """Columns before a heading that begins its line."""
    bare = heading[0].lstrip(" \t")
    return len(heading[0][: len(heading[0]) - len(bare)].expandtabs())


def _in_order(headings: Iterable[re.Match[str]]) -> Iterator[re.Match[str]]:
    last = 0
    for match in headings:
        word = _word(match)
        number = last + 1 if word in _LAST and last > 1 else _number(word)
        if number == 1 or (last and number == last + 1):
            last = number
            yield match


def _word(heading: re.Match[str]) -> str:
    return next(word for word in heading.groups() if word is not None).lower()


def _number(word: str) -> int:
    if word.isdecimal():
        return int(word)
    return next((names.index(word) + 1 for names in (_NUMBERS, _ORDINALS, _CHINESE) if word in names), 0)


def _inside(position: int, spans: Sequence[Span]) -> bool:
    index = bisect.bisect_right(spans, position, key=lambda span: span[0]) - 1
    return index >= 0 and position < spans[index][1]


def _ends(matches: Iterable[re.Match[str]], spans: Sequence[Span]) -> list[int]:
    """Where matches end, except for places within a span; the end of a span is not within it."""
    starts = [start for start, _ in spans]
    places = [(match.end(), bisect.bisect_left(starts, match.end()) - 1) for match in matches]
    return [place for place, before in places if before < 0 or place >= spans[before][1]]


def _cut(text: str, places: Sequence[int]) -> list[str]:
    return _pieces(text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True))


def _pieces(texts: Iterable[str | None]) -> list[str]:
    """The texts without white space and rules around them, blank ones left out."""
    bare = (re.sub(r"\n[ \t]*[-*_]{3,}\s*\Z", "", text or "").strip() for text in texts)
    return [text for text in bare if text and not re.fullmatch(r"[-*_]{3,}", text)]


def _joined(pieces: Sequence[str]) -> list[str]:
    """Lone formulas and code joined with the piece before them, titles with the one behind them."""
    joined: list[str] = []
    waiting = ""
    for piece in pieces:
        if joined and not waiting and _is_lone(piece):
            joined[-1] += f"\n\n{piece}"
        elif _TITLE.fullmatch(piece) or (not joined and _is_lone(piece)):
            waiting += f"{piece}\n\n"
        else:
            joined.append(waiting + piece)
            waiting = ""
    if waiting and joined:
        joined[-1] += f"\n\n{waiting.strip()}"
    return joined or _pieces([waiting])


def _is_lone(piece: str) -> bool:
    """Whether a piece consists of displayed formulas and code alone, punctuation aside."""
    spans = closed_spans(piece)
    ends = [0, *(end for _, end in spans)]
    between = "".join(
        piece[end:start] for end, start in zip(ends, [*(start for start, _ in spans), len(piece)], strict=True)
    )
    return bool(spans) and not between.strip(" \t\n.,;:")
