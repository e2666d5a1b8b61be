"""Human solutions are read as they are written."""

from __future__ import annotations

import json
import re
from pathlib import Path

from genprm.smol.wording import Wording
from genprm.smol.worked import WorkedSolution, read_worked


def bare(text: str) -> str:
    """Without marks, and without what a number may be written with or without: blanks, signs, zeros."""
    text = re.sub(r"<<[^>]*>>", "", text).replace("×", "*").replace("÷", "/")
    text = re.sub(r"(?<![\d,])0+(?=\.\d)", "", text)
    return re.sub(r"[\s$,]|(?<=\d)\.0+(?!\d)|(?<=\.\d)0+(?!\d)", "", re.sub(r"(?<=[\d )])x(?=[\d $(.])", "*", text))


def test_sentences_say_what_the_person_wrote(solutions: list[WorkedSolution], data_dir: Path) -> None:
    lines = (data_dir / "gsm8k-train" / "train.jsonl").read_text().splitlines()
    written = {row["question"].strip(): row["answer"].split("####")[0] for row in map(json.loads, lines)}
    for solution in solutions:
        lines = [line for line in written[solution.problem].splitlines() if line.strip()]
        texts = [Wording().step_text([sentence], 1) for sentence in solution.sentences]
        assert len(texts) == len(lines)
        assert [bare(text) for text in texts] == [bare(line) for line in lines]


def test_most_of_the_split_can_be_taken(solutions: list[WorkedSolution]) -> None:
    assert len(solutions) > 4500
    assert len({solution.id for solution in solutions}) == len(solutions)


def test_a_result_in_dollars_has_that_unit() -> None:
    worked = read_worked("?", "She has 12 / 2 = $<<12/2=6>>6 left.\nShe gets 3.\n#### 6")

    assert worked is not None
    assert worked.sentences[0].calculation is not None
    assert (worked.sentences[0].calculation.unit, worked.sentences[0].after) == ("dollars", " left.")
    assert worked.sentences[1].calculation is None


def test_what_cannot_be_written_again_is_left_out() -> None:
    second = "\nSo 3.\n#### 3"
    assert read_worked("?", "Half of it is <<12/2=6>>6." + second) is None
    assert read_worked("?", "12 / 3 = <<12/2=6>>6 left." + second) is None
    assert read_worked("?", "12 / 2 = <<12/2=6>>7 left." + second) is None
    assert read_worked("?", "12 / 2 = <<12/2=6>>6 and 6 / 2 = <<6/2=3>>3." + second) is None
    assert read_worked("?", "12 / 2 = <<12/2=6>>6.\n#### 6") is None
