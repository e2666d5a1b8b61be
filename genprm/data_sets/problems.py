"""Problems with reference answers: MATH train, GSM8K train, the miniature world, any set whose rows can be read."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genprm.answers.checker import boxed_answer, hashed_answer
from genprm.data_sets.rows import InputError, Row, bad_field, required, text_field
from genprm.data_sets.sources import DataSource, source_rows
from genprm.fingerprints import fingerprint
from genprm.records import Problem
from genprm.registry import domain_of
from genprm.settings import ProblemSettings

MATH_TRAIN = DataSource(
    repository="DigitalLearningGmbH/MATH-lighteval",
    split="train",
    file="math-train/extracted_problems_and_answers.json",
)

GSM8K_TRAIN = DataSource("openai/gsm8k", "train", "gsm8k-train/train.jsonl", "main")

_THOUSANDS = re.compile(r"(?<![\d,(\[])[1-9]\d{0,2}(?:,\d{3})+(?![\d,])")
"""Numbers with commas; not behind a bracket, where they may be the coordinates of a point."""

AnswerReader = Callable[[Mapping[str, Any], str], str]
"""Returns the reference answer of a row, given the row and its place; "" if the set has none for it."""


@dataclass(frozen=True, slots=True)
class ProblemSet:
    """Problems, and how many rows were left out for want of an answer or because an earlier row asks the same."""

    problems: list[Problem]
    without_answer: int
    repeated: int

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.problems)


def problem_id(text: str) -> str:
    """Sixteen hex digits that depend on the problem's text alone, white space aside.

    Public sets repeat problems with other spaces and line breaks; these are the same problem, also when training
    and evaluation sets are checked for overlap.

    >>> problem_id("1 + 1 = ?") == problem_id("1+1 =\\n?")
    True
    """
    return fingerprint("".join(text.split()))


def shard_keys(shards: int) -> list[str]:
    """The names of the shards. They contain the number of shards: another number divides the problems differently.

    >>> shard_keys(2)
    ['0-of-2', '1-of-2']
    """
    width = len(str(shards - 1))
    return [f"{index:0{width}d}-of-{shards}" for index in range(shards)]


def shard_of(problem_id: str, shards: int) -> int:
    """The shard in 0..shards-1 of a problem, by hash of its id.

    Raises:
        ValueError: fewer than one shard.
    """
    if shards < 1:
        raise ValueError(f"shards is {shards}, allowed: 1 or more")
    return int(hashlib.sha256(problem_id.encode()).hexdigest()[:15], 16) % shards


def stated_answer(name: str) -> AnswerReader:
    """The answer is this field: a string, or a number (27.0 is read as 27)."""

    def read(row: Mapping[str, Any], where: str) -> str:
        value = required(row, name, where, "a string or a number")
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise bad_field(where, name, value, "a string or a number")
        return str(value).strip()

    return read


def boxed_in(name: str) -> AnswerReader:
    """The answer is the last box of the solution in this field."""

    def read(row: Mapping[str, Any], where: str) -> str:
        return boxed_answer(text_field(row, name, where)) or ""

    return read


def after_hashes(name: str) -> AnswerReader:
    """The answer is the text behind `####`, on the last line of the solution in this field.

    Commas are left out of numbers (`1,250`); those of lists and of points (`(3, 4)`) stay.
    """

    def read(row: Mapping[str, Any], where: str) -> str:
        text = text_field(row, name, where)
        answer = hashed_answer(text)
        if answer is None:
            raise bad_field(where, name, text, "a solution that ends in '#### <number>'")
        return _THOUSANDS.sub(lambda number: number[0].replace(",", ""), answer)

    return read


def first_of(*readers: tuple[str, AnswerReader]) -> AnswerReader:
    """The reader of the first field that the row has; the last one if it has none of them."""

    def read(row: Mapping[str, Any], where: str) -> str:
        chosen = next((reader for name, reader in readers if name in row), readers[-1][1])
        return chosen(row, where)

    return read


def read_problems(rows: Iterable[Row], source: str, question: tuple[str, ...], answer: AnswerReader) -> ProblemSet:
    """Rows as problems, checked field by field; the question is in the first of the `question` fields a row has.

    Raises:
        InputError: a field is missing or wrong; one line says where, which and what is allowed.
    """
    problems: dict[str, Problem] = {}
    without_answer = repeated = 0
    for where, row in rows:
        name = next((name for name in question if name in row), question[0])
        text = text_field(row, name, where)
        reference = answer(row, where)
        identity = problem_id(text)
        if not reference:
            without_answer += 1
        elif identity in problems:
            repeated += 1
        else:
            problems[identity] = Problem(identity, text, reference, source)
    return ProblemSet(list(problems.values()), without_answer, repeated)


def miniature(settings: ProblemSettings, data_dir: Path | None = None) -> ProblemSet:
    """Problems of the miniature world, drawn with `settings.seed`; no data is read.

    Raises:
        InputError: no limit is given.
    """
    from genprm.miniature.world.generation import generate_problems

    if settings.limit is None:
        raise InputError(
            "problems.limit is None, allowed: a whole number from 1, as the miniature has no last problem"
        )
    drawn = generate_problems("pipeline", settings.limit, settings.seed)
    rows = [(f"miniature problem {i}", {"problem": p.text, "answer": p.answer}) for i, p in enumerate(drawn)]
    return read_problems(rows, "miniature", ("problem",), stated_answer("answer"))


def math_train(settings: ProblemSettings, data_dir: Path | None = None) -> ProblemSet:
    """MATH train, from the hub or from `data_dir` where one is given, with the count of rows left out.

    Raises:
        InputError: the data cannot be loaded, or a row is wrong.
    """
    answer = first_of(("final_answer", stated_answer("final_answer")), ("solution", boxed_in("solution")))
    return read_problems(source_rows(MATH_TRAIN, data_dir), "math-train", ("problem",), answer)


def gsm8k(settings: ProblemSettings, data_dir: Path | None = None) -> ProblemSet:
    """GSM8K train, from the hub or from `data_dir` where one is given.

    Raises:
        InputError: the data cannot be loaded, or a row is wrong.
    """
    return read_problems(source_rows(GSM8K_TRAIN, data_dir), "gsm8k", ("question",), after_hashes("answer"))


def load_problems(settings: ProblemSettings, data_dir: Path | None = None) -> list[Problem]:
    """The problems that solutions are sampled for: the first `settings.limit` of the source (`genprm.domains`).

    Raises:
        InputError: the data cannot be loaded, or a row is wrong.
    """
    source = domain_of(settings.source).problems[settings.source]
    return list(itertools.islice(source(settings, data_dir), settings.limit))
