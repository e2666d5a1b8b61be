r"""The turn format of GenPRM (paper 4.2, 4.3): rendered, parsed, and converted from mode to mode.

A judged solution is a chat. Each user turn is a step (the first one with the problem before it), each assistant
turn is the judgement of that step:

    <analyze>
    {lead}{analysis}
    </analyze>
    <verify>
    {verify_lead}```python
    {code}
    ```
    [Code Output]

    ```
    {output}
    ```
    </verify>
    <output>
    **Judgement**: $\boxed{Yes}$
    </output>

The verdict is whatever the last `<output>` block boxes; "Yes" and "No" anywhere else mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from genprm.modes import Mode
from genprm.records import Message
from genprm.settings import TurnFormat

Verdict = Literal["Yes", "No", "none"]

ANALYZE_OPEN = "<analyze>\n"
ANALYZE_CLOSE = "</analyze>"
VERIFY_OPEN = "<verify>\n"
OUTPUT_CLOSE = "</output>"
CODE_OPEN = "```python\n"
CODE_CLOSE = "\n```\n"
VERDICT_LEAD = "<output>\n**Judgement**: $\\boxed{"
"""Everything of the output block up to the verdict: the next token is Yes or No."""
VERDICT_TAIL = "}$\n</output>\n"

# A fence closes as in CommonMark: indented like its opening or up to three blanks more, with only blanks after it.
_VERIFY_PARTS = re.compile(
    r"(?:^(?P<indent>[ \t]+))?```(?i:python3?|py)[ \t]*\r?\n"
    r"(?P<code>(?:[^\n]*\n)*?)(?P=indent)? {0,3}```[ \t]*\r?(?:\n|\Z)"
    r"|\[Code Output\]\n\n```\n(?P<output>(?:[^\n]*\n)*?)```(?:\n|$)"
    r"|^(?P<blanks>[ \t]*)```(?P<tag>[^\n`]*)\n"
    r"(?P<other>(?:(?![ \t]*```)[^\n]*\n)*)[ \t]*```[ \t]*\r?(?:\n|\Z)"
    r"|(?P<end></verify>\n?|^(?=<output>))",
    re.MULTILINE,
)
# A block without a language is taken for code if it has such a line; otherwise it may be a table of printed values.
_LOOKS_LIKE_CODE = re.compile(r"^[ \t]*(?:print\(|import \w|from \w[\w.]* import |assert |def \w)", re.MULTILINE)
_BOXED = re.compile(r"\\boxed\{\s*(Yes|No)\s*\}")
_OUTPUT_FENCE = re.compile(r"^```", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ParsedTurn:
    """The parts of an assistant turn; a part that is missing is empty, a missing verdict is "none".

    `analysis` begins with the lead-in of the turn format. Several code blocks (and outputs) are joined by newlines.
    """

    analysis: str
    code: str
    output: str
    verdict: Verdict


def user_turn(settings: TurnFormat, problem: str, steps: Sequence[str], index: int) -> str:
    """The user turn of the 0-based step `index`: the first one carries the problem."""
    step = steps[index]
    return settings.question.format(problem=problem, step=step) if index == 0 else step


def conversation_messages(
    settings: TurnFormat, problem: str, steps: Sequence[str], turns: Sequence[str], mode: Mode
) -> list[Message]:
    """The chat in which `turns` judge the first `len(turns)` steps.

    When a step is left to judge, its user turn comes last.

    Raises:
        ValueError: more turns than steps.
    """
    if len(turns) > len(steps):
        raise ValueError(f"{len(turns)} assistant turns for {len(steps)} steps; each turn judges one step")
    system = settings.direct_system if mode == Mode.DIRECT and settings.direct_system else settings.system
    messages = [Message("system", system)] if system else []
    for index, turn in enumerate(turns):
        messages += [
            Message("user", user_turn(settings, problem, steps, index)),
            Message("assistant", turn),
        ]
    if len(turns) < len(steps):
        messages.append(Message("user", user_turn(settings, problem, steps, len(turns))))
    return messages


def analyze_prefill(settings: TurnFormat, number: int) -> str:
    """What an analysis begins with; `number` is the 1-based number of the step."""
    return ANALYZE_OPEN + settings.analyze_lead.format(number=number)


def verify_prefill(settings: TurnFormat) -> str:
    """What a verification begins with: an open Python fence."""
    return VERIFY_OPEN + settings.verify_lead + CODE_OPEN


def turn_prefill(settings: TurnFormat, mode: Mode, number: int) -> str:
    """What a turn of `mode` begins with before the model writes; `number` is the 1-based number of the step."""
    if mode.analysis:
        return analyze_prefill(settings, number)
    return verify_prefill(settings) if mode.code else VERDICT_LEAD


def output_block(output: str) -> str:
    """What is put after a code block that was run.

    >>> print(output_block("42"), end="")
    [Code Output]
    <BLANKLINE>
    ```
    42
    ```
    """
    # A printed fence would end the block early, and what follows it could pose as the model's own verdict.
    body = _OUTPUT_FENCE.sub(" ```", output.rstrip("\n"))
    return f"[Code Output]\n\n```\n{body}\n```\n"


def _closing_tag(text: str) -> str:
    """What closes the analysis that a text begins with."""
    at_line = ANALYZE_CLOSE + "\n"
    return at_line if at_line in text else ANALYZE_CLOSE


def closed_analysis(text: str) -> str:
    """An analysis that begins with its tag, cut or closed at `</analyze>`, with one newline after it.

    The first tag at the end of a line counts; where there is none, the first tag.
    """
    body, closed, _ = text.partition(_closing_tag(text))
    separator = "" if closed or body.endswith("\n") else "\n"
    return f"{body}{separator}{ANALYZE_CLOSE}\n"


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the blocks of a turn lie: [0, analysis_end), [analysis_end, verify_end), [verify_end, len)."""

    analysis: str
    analysis_end: int
    verify_end: int
    codes: list[str]
    outputs: list[str]
    output_spans: list[tuple[int, int]]
    code_ends: list[int]


def _layout(text: str) -> _Layout:
    analysis, analysis_end = "", 0
    if text.startswith(ANALYZE_OPEN):
        body, tag, _ = text.partition(_closing_tag(text))
        analysis, analysis_end = body.removeprefix(ANALYZE_OPEN), len(body) + len(tag)
    codes: list[str] = []
    outputs: list[str] = []
    spans: list[tuple[int, int]] = []
    code_ends: list[int] = []
    verify_end = analysis_end
    if text.startswith(VERIFY_OPEN, analysis_end):
        verify_end = len(text)
        for part in _VERIFY_PARTS.finditer(text, analysis_end):
            code = _code(part)
            if code is not None:
                codes.append(code)
                code_ends.append(part.end())
            elif part["output"] is not None:
                outputs.append(part["output"].removesuffix("\n"))
                spans.append(part.span())
            elif part["end"] is not None:
                verify_end = part.end()
                break
    return _Layout(analysis, analysis_end, verify_end, codes, outputs, spans, code_ends)


def _code(part: re.Match[str]) -> str | None:
    """The code of a fenced block, without the indentation that the fence has too; None if it is something else."""
    code, indent = part["code"], part["indent"]
    if code is None and part["tag"] is not None and not part["tag"].strip():
        code, indent = part["other"], part["blanks"]
        if not _LOOKS_LIKE_CODE.search(code):
            return None
    if code is None:
        return None
    code = code.replace("\r\n", "\n").removesuffix("\n")
    return re.sub(f"^{indent}", "", code, flags=re.MULTILINE) if indent else code


def verdict_of(output: str) -> Verdict:
    """The verdict in the text after analysis and verification: what the last `<output>` block boxes, if closed."""
    _, opened, block = output.rpartition("<output>")
    body, closed, _ = block.partition(OUTPUT_CLOSE)
    boxed = _BOXED.findall(body) if opened and closed else []
    if not boxed:
        return "none"
    return "Yes" if boxed[-1] == "Yes" else "No"


def parse_turn(text: str) -> ParsedTurn:
    r"""The parts of one assistant turn of any mode.

    >>> parse_turn("<analyze>\nNo, \\boxed{No}?\n</analyze>\n<output>\n**Judgement**: $\\boxed{Yes}$\n</output>\n")
    ParsedTurn(analysis='No, \\boxed{No}?', code='', output='', verdict='Yes')
    """
    layout = _layout(text)
    return ParsedTurn(
        analysis=layout.analysis.strip(),
        code="\n".join(layout.codes),
        output="\n".join(layout.outputs),
        verdict=verdict_of(text[layout.verify_end :]),
    )


def pending_code(text: str, ran: int) -> tuple[str, int] | None:
    r"""The code of the first block that waits to be run, and where it ends; None if there is none.

    The first `ran` blocks of the verification were run. A block counts as Python however its fences are written:
    with `py` or `python3`, indented, with blanks or a carriage return behind. A block without a language counts if
    it looks like code. Text that the model wrote after the block was written without knowing its output.

    >>> pending_code("<verify>\n```python\nprint(1)\n``` \n[Code Output] 1", 0)
    ('print(1)', 33)
    """
    layout = _layout(text)
    return (layout.codes[ran], layout.code_ends[ran]) if ran < len(layout.codes) else None


def verdict_start(text: str) -> int | None:
    r"""Offset just after the last `\boxed{` of the output block of an unfinished turn; None without one."""
    start = _layout(text).verify_end
    block = text.rfind("<output>", start)
    boxed = text.rfind("\\boxed{", block) if block >= 0 else -1
    return None if boxed < 0 else boxed + len("\\boxed{")


def code_output_spans(text: str) -> list[tuple[int, int]]:
    """The [start, end) character spans that the system wrote into a turn: each whole `[Code Output]` block."""
    return _layout(text).output_spans


def turn_for_mode(text: str, mode: Mode) -> str:
    """What a finished turn of full mode looks like in `mode`, so that all modes are trained on the same rationales.

    cot is analysis and verdict, code is verification and verdict, direct is the verdict alone; text and code_unrun,
    whose code is written but not run, read like full and code.

    Raises:
        ValueError: the turn lacks a block that the mode consists of.
    """
    layout = _layout(text)
    analysis = text[: layout.analysis_end]
    verification = text[layout.analysis_end : layout.verify_end]
    if mode.analysis and not analysis:
        raise ValueError(f"a turn for mode {mode!r} needs an <analyze> block, got {text[:80]!r}")
    if mode.code and not verification:
        raise ValueError(f"a turn for mode {mode!r} needs a <verify> block, got {text[:80]!r}")
    verdict = text[layout.verify_end :]
    return (analysis if mode.analysis else "") + (verification if mode.code else "") + verdict
