"""Conversations as token ids with the loss where it belongs: on what the assistant says, and on its end of turn.

A conversation is rendered as one text by the base model's own chat template and tokenised once, so that the ids are
those the verifier sees when it renders the same turns at inference: the content of messages is text there, too,
whatever control tokens it spells out. Which tokens carry loss follows from the characters they cover.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from genprm.engines.chat import render_chat
from genprm.engines.encoding import encoder_of
from genprm.records import Message, TrainingExample
from genprm.verification.conversation import code_output_spans

IGNORED = -100
"""Label of a token that carries no loss."""

_PROBE = "assistant turn probe 7f3a"
_BASE = "training.base"
"""What errors of the chat template call the model."""


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """Token ids of one example and their labels, of equal length; a label below 0 (`IGNORED`) carries no loss."""

    input_ids: list[int]
    labels: list[int]


@dataclass(frozen=True, slots=True)
class EncodedSet:
    """All examples that fit, and the ids of those that were too long."""

    rows: list[EncodedRow]
    dropped: list[str]


@dataclass(frozen=True, slots=True)
class _Turn:
    """Characters of one assistant turn in the whole text: content is [start, end), its closing ends at `close`."""

    content: str
    start: int
    end: int
    close: int


def _assistant_turns(tokenizer: Any, messages: Sequence[Message], text: str) -> Iterable[_Turn]:
    for index, message in enumerate(messages):
        if message.role != "assistant":
            continue
        before = render_chat(tokenizer, _BASE, messages[:index])
        after = render_chat(tokenizer, _BASE, messages[: index + 1])
        probe = render_chat(tokenizer, _BASE, [*messages[:index], Message("assistant", _PROBE)])
        if not (after.startswith(before) and text.startswith(after)):
            raise ValueError("the chat template rewrites earlier turns when later ones follow; no use as a base")
        start = probe.find(_PROBE, len(before))
        kept = message.content if after.startswith(message.content, start) else message.content.strip()
        if start < 0 or not after.startswith(kept, start):
            raise ValueError("the chat template changes the content of assistant turns; no use as a base")
        yield _Turn(kept, start, start + len(kept), len(after))


def encode_conversation(tokenizer: Any, example: TrainingExample, mask_code_output: bool) -> EncodedRow:
    """Token ids and labels of a conversation; a label is its token's id or `IGNORED`.

    Loss is on the tokens of assistant content and on the special token that ends the turn; with
    `mask_code_output` not on what the sandbox wrote into the turn.

    Raises:
        EngineError: there is no chat template, or it does not work.
        ValueError: there is no assistant turn, or the chat template rewrites turns or does not close them.
    """
    text = render_chat(tokenizer, _BASE, example.messages)
    ids, offsets = encoder_of(tokenizer).encode_at(text)
    starts = [first for first, _ in offsets]
    special = set(tokenizer.all_special_ids)
    labels = [IGNORED] * len(ids)
    turns = list(_assistant_turns(tokenizer, example.messages, text))
    if not turns:
        raise ValueError(f"conversation {example.id!r} has no assistant turn")
    for turn in turns:
        output = code_output_spans(turn.content) if mask_code_output else []
        masked = [(turn.start + begin, turn.start + end) for begin, end in output]
        position, stop = bisect_left(starts, turn.start), bisect_left(starts, turn.close)
        closed = False
        while position < stop and not closed:
            first, last = offsets[position]
            if not any(first < end and last > begin for begin, end in masked):
                labels[position] = ids[position]
            closed = first >= turn.end and ids[position] in special
            position += 1
        if not closed:
            raise ValueError("the chat template ends turns without a special token; a model could not stop")
    return EncodedRow(ids, labels)


def encode_conversations(
    tokenizer: Any, examples: Iterable[TrainingExample], max_length: int, mask_code_output: bool
) -> EncodedSet:
    """Encode every example; those of more than `max_length` tokens are dropped whole and named, never cut.

    Raises:
        ValueError: no example fits, or one cannot be encoded.
    """
    rows: list[EncodedRow] = []
    dropped: list[str] = []
    shortest = 0
    for example in examples:
        row = encode_conversation(tokenizer, example, mask_code_output)
        if len(row.input_ids) <= max_length:
            rows.append(row)
        else:
            dropped.append(example.id)
            shortest = min(shortest or len(row.input_ids), len(row.input_ids))
    if not rows:
        detail = f"; the shortest of {len(dropped)} has {shortest}" if dropped else "; there are none"
        raise ValueError(f"no conversation has at most training.max_length = {max_length} tokens{detail}")
    return EncodedSet(rows, dropped)
