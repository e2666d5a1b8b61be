"""The answer-accuracy sets of the paper (5.3): MATH-500, AMC23, AIME24, Minerva Math; and MATH test and GSM8K."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from genprm.data_sets.problems import (
    AnswerReader,
    ProblemSet,
    after_hashes,
    boxed_in,
    first_of,
    read_problems,
    stated_answer,
)
from genprm.data_sets.rows import InputError
from genprm.data_sets.sources import DataSource, source_rows


@dataclass(frozen=True, slots=True)
class AnswerSet:
    """A set of problems with reference answers: its source, possible fields of the question, its answer reader."""

    source: DataSource
    question: tuple[str, ...]
    answer: AnswerReader


_STATED_OR_BOXED = first_of(("answer", stated_answer("answer")), ("solution", boxed_in("solution")))

ANSWER_SETS: Mapping[str, AnswerSet] = {
    "math500": AnswerSet(
        DataSource("HuggingFaceH4/MATH-500", "test", "math500/test500.jsonl"), ("problem",), stated_answer("answer")
    ),
    "math-test": AnswerSet(
        DataSource("DigitalLearningGmbH/MATH-lighteval", "test", "math-test/test.jsonl.gz"),
        ("problem",),
        boxed_in("solution"),
    ),
    "amc23": AnswerSet(
        DataSource("math-ai/amc23", "test", "qwen25-math-eval/amc23.jsonl"),
        ("problem", "question"),
        stated_answer("answer"),
    ),
    "aime24": AnswerSet(
        DataSource("HuggingFaceH4/aime_2024", "train", "qwen25-math-eval/aime24.jsonl"),
        ("problem", "question"),
        stated_answer("answer"),
    ),
    "minerva": AnswerSet(
        DataSource("math-ai/minervamath", "test", "qwen25-math-eval/minerva_math.jsonl"),
        ("problem", "question"),
        _STATED_OR_BOXED,
    ),
    "gsm8k": AnswerSet(
        DataSource("openai/gsm8k", "test", "gsm8k/test.jsonl", "main"), ("question",), after_hashes("answer")
    ),
}


def load_answer_set(name: str, data_dir: Path | None = None) -> ProblemSet:
    """One of `ANSWER_SETS`, from the hub or from `data_dir`, with the count of rows left out.

    Raises:
        InputError: no such set, it cannot be loaded, or a row is wrong.
    """
    if name not in ANSWER_SETS:
        raise InputError(f"answer set {name!r} is unknown, allowed: {', '.join(ANSWER_SETS)}")
    chosen = ANSWER_SETS[name]
    return read_problems(source_rows(chosen.source, data_dir), name, chosen.question, chosen.answer)
