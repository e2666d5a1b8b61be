"""Texts as marked token ids: the two ways in which published models mark where a step ends.

A mark is appended as a token id. If it were tokenised as part of the text, it could merge with the characters
around it, and would no longer be the token at which the model was trained to answer.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from genprm.engines.base import EngineError
from genprm.engines.chat import apply_template
from genprm.engines.encoding import encode_text, encode_text_at
from genprm.engines.prompts import Prompt
from genprm.records import Message

REPLY = "\u2063reply\u2063"
"""Placeholder for an assistant's reply while a chat template is applied; no template or problem contains it."""

_NUMBERED = re.compile(r"Step \d+\s*:")
_LINE_BREAK = re.compile(r"\s*\n\s*")


@dataclass(frozen=True, slots=True)
class MarkedTokens:
    """Token ids of one row, and the ascending positions whose hidden states are wanted."""

    ids: list[int]
    marks: list[int]


@dataclass(frozen=True, slots=True)
class Response:
    """A chat whose response tokens are predicted at `row.marks`; step t ends with the response token `ends[t]`."""

    row: MarkedTokens
    ends: list[int]


def token_id(tokenizer: Any, model: str, token: str) -> int:
    """The id of a token that the checkpoint's vocabulary must hold.

    Raises:
        EngineError: it does not.
    """
    vocabulary = tokenizer.get_vocab()
    if token not in vocabulary:
        raise EngineError(f"model {model!r}: the tokenizer has no token {token!r}; it is not the published one")
    return int(vocabulary[token])


def mark_token(tokenizer: Any, model: str, token: str) -> int:
    """The id of a token that marks the ends of steps. It becomes special: from here on, no text is tokenised as it.

    Raises:
        EngineError: the checkpoint's vocabulary does not hold it.
    """
    from transformers import AddedToken

    found = token_id(tokenizer, model, token)
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False)], special_tokens=True)
    return found


def numbered(steps: Sequence[str]) -> list[str]:
    """Each step, stripped, with `Step n:` before it unless it already begins with such a header.

    >>> numbered(["Add.", "Step 2: Divide."])
    ['Step 1: Add.', 'Step 2: Divide.']
    """
    stripped = [step.strip() for step in steps]
    return [
        step if _NUMBERED.match(step) else f"Step {number}: {step}" for number, step in enumerate(stripped, start=1)
    ]


def single_line(text: str) -> str:
    """The text with one space in place of each line break and the blanks around it, for models in which a line is a
    step.

    >>> single_line("So\\n  x = 2.")
    'So x = 2.'
    """
    return _LINE_BREAK.sub(" ", text.strip())


def blank_breaks(text: str) -> str:
    """The text, stripped, with a space in place of each line break, as Skywork's users prepare it.

    >>> blank_breaks("So\\n  x = 2.")
    'So   x = 2.'
    """
    return text.strip().replace("\n", " ")


def marked_pieces(tokenizer: Any, lead: str, pieces: Sequence[str], mark: int, tail: str = "") -> MarkedTokens:
    """`lead`, then each piece with the token `mark` behind it, then `tail`; each is tokenised on its own.

    This is what a tokenizer makes of a text in which the mark is a special token. With an empty lead, what comes
    before the first step belongs to the first piece.
    """
    ids = encode_text(tokenizer, lead) if lead else []
    marks: list[int] = []
    for piece in pieces:
        ids += encode_text(tokenizer, piece)
        marks.append(len(ids))
        ids.append(mark)
    return MarkedTokens(ids + (encode_text(tokenizer, tail) if tail else []), marks)


def marked_lines(tokenizer: Any, model: str, lines: Sequence[str], mark: int) -> MarkedTokens:
    """Lines tokenised as one text (BOS before it where the tokenizer has one), with `mark` put in after each line.

    For tokenizers that treat the beginning of a text differently from its middle (Llama 2, Mistral). The line
    breaks stay: line, mark, break, line, mark.

    Raises:
        EngineError: a token reaches over the end of a line.
    """
    text = "\n".join(lines)
    tokens, spans = encode_text_at(tokenizer, text)
    begins = [begin for begin, _ in spans]
    ids = [tokenizer.bos_token_id] if tokenizer.bos_token_id is not None else []
    marks: list[int] = []
    position = end = 0
    for line in lines:
        end += len(line)
        stop = bisect_left(begins, end)
        if stop and spans[stop - 1][1] > end:
            raise EngineError(
                f"model {model!r}: a token reaches over the end of a line; not the published tokenizer"
            )
        ids += tokens[position:stop]
        marks.append(len(ids))
        ids.append(mark)
        position, end = stop, end + 1
    return MarkedTokens(ids, marks)


def around_replies(tokenizer: Any, model: str, messages: Sequence[Message]) -> list[Prompt]:
    """The texts before, between and after the assistant's replies; in `messages`, each reply is `REPLY`.

    Raises:
        EngineError: there is no chat template, or it does not render replies as they are.
    """
    rendered = apply_template(tokenizer, model, messages)
    ends = [match.start() for match in re.finditer(re.escape(REPLY), rendered)]
    if len(ends) != sum(message.role == "assistant" for message in messages):
        raise EngineError(f"model {model!r}: the chat template does not render an assistant turn as it is")
    begins = [0, *(end + len(REPLY) for end in ends)]
    return [rendered[begin:end] for begin, end in zip(begins, [*ends, len(rendered)], strict=True)]


def token_at(begins: Sequence[int], character: int) -> int:
    """Index of the token that holds a character; `begins` are the characters at which tokens begin, ascending."""
    return bisect_right(begins, character) - 1


def newline_rows(
    tokenizer: Any, problem: str, steps: Sequence[str], on_a_line: Callable[[str], str] = single_line
) -> list[MarkedTokens]:
    """BOS where there is one, problem, newline; then each step, followed by the newline token that is its mark.

    `on_a_line` removes the line breaks inside a step, as every newline ends a step.
    """
    mark = encode_text(tokenizer, "\n")[-1]
    bos = tokenizer.bos_token or ""
    lead = Prompt(bos, ((0, len(bos)),) if bos else ()) + problem.strip() + "\n"
    return [marked_pieces(tokenizer, lead, [on_a_line(step) for step in steps], mark)]
