"""The final answer that a text states: in boxes, behind "the answer is", or in what it concludes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from genprm.answers.forms import split
from genprm.answers.numbers import Number, plain_number
from genprm.answers.plain_values import PLAIN_VALUE
from genprm.answers.text import normalised

LONGEST = 2000
"""Limit of characters read behind an announcement, at the end of a text without one, or of a boxed number."""

_BOX = re.compile(r"\\(?:boxed|fbox|framebox)(?![a-zA-Z])\s*")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_UNBRACED = re.compile(r"[-\d\\][^\s$]*|[a-zA-Z](?![a-zA-Z])")
_NOTATION = re.compile(r"\s*(?:=\s*-?(\d+)\s*[,.$]|\\times\s*\\boxed)")
"""Follows a box that is the problem's own notation and not an answer: `\\boxed{11} = 2`."""
_EITHER = re.compile(r"[^.]{0,20}\.?[^.]{0,40}\b[Ee]ither\b[^.]*\b(?:correct|accept)")
_LINK = re.compile(
    r"(?:[\s$,;.&]|\\[()\[\],;]|\\(?:quad|qquad|text|mbox|ldots)\b|[{}]|\band\b|\bor\b|\bthe values?\b"
    r"|(?:[a-zA-Z]|\\[a-zA-Z]+)(?:_\{?\w\}?)?\s*=)*"
)
_JOINT = re.compile(r"\b(?:and|or)\b|,|;")
_LEAD = re.compile(r"(?:\b\w+ is|[a-zA-Z]\w*\s*=)[\s$\\(\[]*$")
_CASE = re.compile(r"\b(?:[Ii]f|[Ww]hen|[Ff]or|third|second|other|another)\b")
_OTHER_WAY = re.compile(
    r"\bOR\b|[Aa]lternat|[Aa]nother (?:way|solution|method)|[Ss]olution\s*#?\s*2|we (?:can|could|may|might) also"
)
_REMARK = re.compile(r"\b(?:note|notice|remark|check|accept(?:ed|able))\b", re.IGNORECASE)
_ACCEPTED = re.compile(r"\s*\$?\s*(?:is|are|would be)\s+(?:also\s+)?(?:an?\s+)?accept", re.IGNORECASE)

_TERM = re.compile(r"-?[^-+]+")

_HASHES = re.compile(r"(?<!#)####(?!#)[ \t]*+")
_ANNOUNCED = re.compile(
    rf"{_HASHES.pattern}"
    # on the last line any text, on earlier lines only a value: the other lines with `####` are headings
    rf"(?=[^\n]{{0,{LONGEST}}}+\s*\Z|"
    r"[$-]?[\d.,/]+%?[ \t]*(?:\n|\Z)|\$[^$\n]+\$[ \t]*(?:\n|\Z))"
    r"|\b(?:answers?(?:\s+(?:to|of|for)\s[^.:\n]{0,60}?)?|(?:correct|right)\s+(?:option|choice))"
    r"\*{0,2}(?:\s*:|\s+(?:is|are|would be|must be|equals)\b)"
    r"[\s:=*]*",
    re.IGNORECASE,
)
_IS_OUR_ANSWER = re.compile(r"(\S+)\s+is\s+(?:our|the)\s+(?:final\s+)?answer\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"\n|[.!](?=[\s*]|$)")
_REASON = re.compile(
    r"(?<=\S),?\s+(?:since|because|as|where|which|so|for|when|if|by|after)\b.*|\s\([a-z]{2}[^()]*\)\s*$"
    # what the answer is not
    r"|(?:(?<=\S),|(?<=[\d)}%$]))\s+(?:(?:and|but)\s+)?(?:not|rather\s+than|instead\s+of)\b.*",
    re.DOTALL,
)
_HEDGE = re.compile(
    r"(?:(?:approximately|about|around|roughly|nearly|almost|exactly|simply|just|only|therefore|thus)\s+)+(?=\S)",
    re.IGNORECASE,
)
"""Words before a value that are dropped: its digits say how exact it is."""
_MATH = re.compile(
    r"\$\$(?P<a>.+?)\$\$|\\\[(?P<b>.+?)\\\]|(?<!\\)\$(?P<c>(?:\\.|[^$\\])+)\$|\\\((?P<d>.+?)\\\)", re.DOTALL
)
_PROSE = re.compile(r"(?<![\\a-zA-Z{])[a-z]{2,} (?:[a-z]{2,}|$)")
_WORD = re.compile(r"(?<![\\a-zA-Z])[a-zA-Z]{2,}")
_BETWEEN = re.compile(r"\s*(?:,|;|and|or|,\s*(?:and|or))?\s*")
_STEP_COMMAND = re.compile(
    r"=\s*((?:(?!\\[)\]])[^=$])*\\(?:frac|dfrac|tfrac|sqrt|pi)(?![a-zA-Z])(?:(?!\\[)\]])[^=$\n])*)"
)
_VALUE = re.compile(r"\d|\\(?:pi|sqrt|infty|emptyset|varnothing)(?![a-zA-Z])|=")
_SUBJECT = re.compile(r"[A-Z][a-z]* (?:[^$\\.]|\\\((?:[^\\]|\\(?!\)))*+\\\)|\$[^$]*\$)*?\b(?:is|are)\s+")
"""The subject of a sentence that states a value: `The values of $x$ for which $f(x) = 0$ are `."""
_NAME = re.compile(r"\s*(\S+?)\s*(?:=|\\in\b)")
_STATING = re.compile(r"\b(?:is|are|be|equals?|either)\s*[:=]?\s*$|[=:]\s*$")
_ASIDE = re.compile(r"(?<=[a-zA-Z$] )\((?:\\[()]|[^(),\n])+\)")
_CIRCUMSTANCE = re.compile(
    r"\b(?:in|for|after|within|during|over|than)\s(?:[a-z]+\s){0,3}(?<!\band\s)(?<!\bor\s)\$?$"
    r"|\b(?:at|when|where|if|for)\s[a-z]\s?=\s?$"
)
"""Before a number that says when, where or for how long, not how many: `34 hours in 4 weeks`, `-4 at x = 2`."""
_PLACE = re.compile(r",?\s+(?:(?:attained|achieved|reached|and occurs|occurring)\s+)?(?:at|when|where|if|for)\s+")
"""Between a formula that is stated and one that says where it holds."""
_LABEL = re.compile(
    r"\b(?:example|problem|question|exercise|theorem|lemma|step|equation|figure|chapter|section|lesson)s?\s\(?$",
    re.IGNORECASE,
)
"""Before a number that is a name: `Theorem 2`."""
_DENIED = re.compile(
    r"(?:\s|\\?[)\]$])*(?:(?:does not|doesn't|do not|don't) (?:work|satisfy)\b"
    r"|(?:is|are) not (?:(?:an?|the|our) )?(?:(?:valid|possible) )?(?:solutions?|answers?|valid|possible)\b)"
)
"""Behind a value that the text rejects."""
_RECKONED = re.compile(r"\d[^=]*=\s*[$€£]?$")
_UNKNOWN = re.compile(r"(?<![\\a-zA-Z'’])\d*[b-zB-HJ-Z](?![a-zA-Z'’]|\s*\d)")
_WORK_AHEAD = re.compile(
    r"\b(?:let us|let's|let’s|we (?:now )?(?:need|want|have to|must|will|shall|should)\b|we'll|in order to|next,"
    r"|suppose|consider)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Box:
    content: str
    start: int
    end: int


def _closing_braces(text: str) -> dict[int, int]:
    """The position of the closing brace, by that of its opening brace; escaped and unclosed braces are left out."""
    pairs: dict[int, int] = {}
    open_braces: list[int] = []
    for match in _BRACE.finditer(text):
        if match[0] == "{":
            open_braces.append(match.start())
        elif match[0] == "}" and open_braces:
            pairs[open_braces.pop()] = match.start()
    return pairs


def _boxes(text: str) -> list[_Box]:
    """The boxes in order: `\\boxed{...}`, or the value after a `\\boxed` without braces; no empty ones."""
    found: list[_Box] = []
    signs = 0
    starts = list(_BOX.finditer(text))
    pairs = _closing_braces(text) if starts else {}
    for match in starts:
        start, end, content = match.end(), match.end(), ""
        if text.startswith("{", start):
            end = pairs.get(start, -1) + 1
            content = text[start + 1 : end - 1] if end else ""
        elif token := _UNBRACED.match(text, start):
            content, end = token[0].rstrip(".,"), token.end()
        own = content.isdigit() and (sign := _NOTATION.match(text, end, end + 20)) and sign[1] != content
        signs += bool(own)
        if content.strip() and "\\phantom" not in content and not own:
            found.append(_Box(content.strip(), match.start(), end))
    return found if signs < 2 else []  # where the problem defines a box as a sign, none is an answer


def _joined(boxes: list[_Box]) -> str:
    """The contents as one list, each once; where all of them are lists of one length, as a list of tuples."""
    contents = list({_terms(box.content): box.content for box in boxes}.values())
    if len(contents) == 1:
        return contents[0]
    contents = [one.replace(",", "") if _number(one) else one for one in contents]
    lengths = {len(split(content, ",")) for content in contents}
    if len(lengths) == 1 and lengths != {1}:
        contents = [f"({content})" for content in contents]
    return ",".join(contents)


def _number(content: str) -> Number | None:
    return plain_number(normalised(content)) if len(content) <= LONGEST else None


def _terms(content: str) -> object:
    """A key that two spellings of one value share: a number's value, or the terms of a sum in any order."""
    number = _number(content)
    if number is not None:
        return number.value
    bare = content.replace(" ", "")
    return bare if "," in bare else tuple(sorted(_TERM.findall(bare)))


def _linked(text: str, first: _Box, second: _Box) -> bool:
    """Whether two boxes are one answer: nothing but "and", "or", a comma or a name stands between them."""
    between = text[first.end : second.start]
    return len(between) <= 80 and _LINK.fullmatch(between) is not None and _JOINT.search(between) is not None


def _parallel(text: str, first: _Box, second: _Box) -> bool:
    """Whether a worked solution gives two values of one thing: `b = \\boxed{1}. If r = 2, then b = \\boxed{3}`."""
    between = text[first.end : second.start]
    leads = [_LEAD.search(text[max(0, box.start - 40) : box.start]) for box in (first, second)]
    if _OTHER_WAY.search(between) or leads[0] is None or leads[1] is None:
        return False
    same = leads[0][0].split()[0] == leads[1][0].split()[0]
    return same or (len(between) < 120 and _CASE.search(between) is not None)


def boxed_answer(text: str) -> str | None:
    """The answer that a reference solution gives in its boxes, None if there is none.

    Boxes that are linked, or that give other values of the same thing, are one list. The box of an alternative
    solution and a box in a closing remark are ignored.

    >>> boxed_answer(r"so $x=\\boxed{1}$ or $x=\\boxed{-1}$")
    '1,-1'
    >>> boxed_answer(r"$d=\\boxed{-3}$. Note: $\\boxed{3}$ is also accepted.")
    '-3'
    """
    boxes = _boxes(text)
    while len(boxes) > 1 and _is_remark(text, boxes[-2], boxes[-1]):
        boxes.pop()
    if not boxes:
        return _own_words(text) if _BOX.search(text) else None
    answer = [boxes[-1]]
    for box in [] if _EITHER.match(text, boxes[-1].end) else reversed(boxes[:-1]):
        if not (_linked(text, box, answer[0]) or _parallel(text, box, answer[0])):
            break
        answer.insert(0, box)
    return _joined(answer)


def hashed_answer(text: str) -> str | None:
    """The text behind `####` on the last line that is not blank; None if there is none.

    >>> hashed_answer("4 + 5 = 9\\n#### 9\\n"), hashed_answer("#### Sum\\nIt is 9.")
    ('9', None)
    """
    line = text.rstrip().rpartition("\n")[2]
    signs = list(_HASHES.finditer(line))
    return line[signs[-1].end() :].strip() or None if signs else None


def _is_remark(text: str, before: _Box, box: _Box) -> bool:
    between = text[before.end : box.start]
    return _ACCEPTED.match(text, box.end) is not None or (
        _REMARK.search(between.rpartition(".")[2]) is not None and box.content != before.content
    )


def extract_answer(text: str) -> str | None:
    """The final answer of a text: its last boxes, else what follows "answer is", else the last value it states.

    An empty or unclosed box is passed over. Give only the last step of a sampled solution, without its header
    (`genprm.steps.final_answer`): an answer announced earlier is not final, and a step's number is no answer.

    >>> extract_answer(r"so $x = \\boxed{\\frac{1}{2}}$.")
    '\\\\frac{1}{2}'
    >>> extract_answer("The answer is 14 keys. Good.")
    '14 keys'
    >>> extract_answer("She pays 3 dollars and 25 cents")
    '25'
    >>> extract_answer("Let us now solve w + 4 = 9 for w") is None
    True
    """
    boxes = _boxes(text)
    if boxes:
        answer = [boxes[-1]]
        for box in reversed(boxes[:-1]):
            if not _linked(text, box, answer[0]):
                break
            answer.insert(0, box)
        return _joined(answer)
    return _announced(text) or _concluded(text)


def _announced(text: str) -> str | None:
    """The answer behind its last announcement, else one that the text names afterwards (`_own_words`)."""
    announced = list(_ANNOUNCED.finditer(text))
    if announced:
        rest = text[announced[-1].end() :][:LONGEST]
        display = _MATH.match(rest)
        if display is not None and (display["a"] or display["b"]):
            return _content(display).strip().rstrip(".,")
        end = _SENTENCE_END.search(rest)
        if stated := _stated((rest[: end.start()] if end else rest).strip()):
            return stated
    return _own_words(text)


def _own_words(text: str) -> str | None:
    """A value that the text first gives and then calls its answer: `$6$ is our answer`."""
    ours = list(_IS_OUR_ANSWER.finditer(text[-LONGEST:]))
    return ours[-1][1].strip("$*") if ours else None


def _stated(phrase: str) -> str:
    """The answer in the words behind an announcement."""
    if subject := _SUBJECT.match(phrase):
        phrase = phrase[subject.end() :]
    phrase = _REASON.sub("", phrase.replace("**", "")).strip().rstrip("*,")
    phrase = _HEDGE.sub("", phrase, count=1) if _HEDGE.match(phrase) else phrase
    formulas = [match for match in _MATH.finditer(phrase) if not _PROSE.search(_content(match))]
    if formulas:
        return ", ".join(_content(match).strip() for match in _run(phrase, formulas))
    numbers = PLAIN_VALUE.findall(phrase)
    prose = phrase[:1].isalpha() and len(phrase.split()) > 3 and _WORD.search(phrase)
    return numbers[0] if prose and len(numbers) == 1 else phrase


def _run(phrase: str, formulas: list[re.Match[str]]) -> list[re.Match[str]]:
    """The formulas that stand together: the first ones, or the last ones of a phrase that begins with words."""
    in_words = formulas[0].start() > 0
    ordered = formulas[::-1] if in_words else formulas
    run = [ordered[0]]
    for formula in ordered[1:]:
        first, second = (formula, run[-1]) if in_words else (run[-1], formula)
        if not _BETWEEN.fullmatch(phrase[first.end() : second.start()]):
            break
        run.append(formula)
    return run[::-1] if in_words else run


def _content(math: re.Match[str]) -> str:
    return next(part for part in math.groups() if part is not None)


def _concluded(text: str) -> str | None:
    """The last value of a text that announces none: a whole formula, else a number; None where work is ahead."""
    text = _without_asides(text[-LONGEST:])
    formulas = [match for match in _MATH.finditer(text) if _VALUE.search(_content(match))]
    formula = formulas[-1] if formulas and not _PROSE.search(_content(formulas[-1])) else None
    number = _last_number(text)
    last = max((match for match in (formula, number) if match), key=lambda match: match.end(), default=None)
    if last is None or _DENIED.match(text, last.end()):
        return None
    if _is_ahead(text, last.start()):
        return None
    if last is formula:
        return ", ".join(_content(match).strip().rstrip(".,") for match in _listed(text, _placed(text, formulas)))
    bare = list(_STEP_COMMAND.finditer(text))
    if bare and number is not None and bare[-1].end(1) >= number.end() and bare[-1].start() <= number.start():
        end = _SENTENCE_END.search(bare[-1][1])
        return (bare[-1][1][: end.start()] if end else bare[-1][1]).strip()
    return number[0] if number else None


def _is_ahead(text: str, position: int) -> bool:
    """Whether the sentence up to here only plans work: `let us solve w + 4 = `, but not `we need 3 + 4 = `."""
    start = _sentence_start(text, position)
    sentence = text[start:position]
    reckoned = _RECKONED.search(sentence) is not None and _UNKNOWN.search(sentence) is None
    return _WORK_AHEAD.search(sentence) is not None and not reckoned


def _without_asides(text: str) -> str:
    """The text without asides in parentheses, unless there is no value outside them."""
    inside = [range(match.start(), match.end()) for match in _MATH.finditer(text)]
    bare = _ASIDE.sub(lambda m: m[0] if any(m.start() in formula for formula in inside) else "", text)
    return bare if PLAIN_VALUE.search(bare) or _MATH.search(bare) else text


def _last_number(text: str) -> re.Match[str] | None:
    """The last number. One that says why, when or for how long is passed over if the same sentence has another.

    A number that is a name (`Theorem 2`) is read only where there is no other.
    """
    found = list(PLAIN_VALUE.finditer(text))
    numbers = [match for match in found if not _LABEL.search(text, 0, match.start())] or found
    if not numbers:
        return None
    start = _sentence_start(text, numbers[-1].start())
    reason = text.find(" because ", start)
    here = [match for match in numbers if match.start() >= start]
    said = [match for match in here if reason < 0 or match.end() <= reason] or here
    return said[-2] if len(said) > 1 and _CIRCUMSTANCE.search(text, 0, said[-1].start()) else said[-1]


def _placed(text: str, formulas: list[re.Match[str]]) -> list[re.Match[str]]:
    """The formulas, without the last if it only says where the one before it holds: `is $-4$ at $x = 2$`."""
    if len(formulas) < 2:
        return formulas
    stated, place = formulas[-2:]
    between = _PLACE.fullmatch(text, stated.end(), place.start())
    named = _NAME.match(_content(place)) is not None
    return formulas[:-1] if between and named and _STATING.search(text, 0, stated.start()) else formulas


def _listed(text: str, formulas: list[re.Match[str]]) -> list[re.Match[str]]:
    """The last formula, with those before it where the text states all of them: `are $-1, 0,$ and $1$`."""
    run = [formulas[-1]]
    for formula in reversed(formulas[:-1]):
        if not _BETWEEN.fullmatch(text[formula.end() : run[0].start()]):
            break
        run.insert(0, formula)
    names = {name[1] if (name := _NAME.match(_content(match))) else "" for match in run}
    return run if len(names) == 1 and _STATING.search(text, 0, run[0].start()) else run[-1:]


def _sentence_start(text: str, position: int) -> int:
    ends = [match.end() for match in _SENTENCE_END.finditer(text, 0, position)]
    return ends[-1] if ends else 0
