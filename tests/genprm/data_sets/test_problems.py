"""Problems from a directory or drawn: field by field, counted, with ids and shards that never change."""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genprm.data_sets.problems import MATH_TRAIN, load_problems, math_train, problem_id, shard_of
from genprm.data_sets.rows import InputError
from genprm.data_sets.sources import DataSource, data_directory, source_rows
from genprm.settings import ProblemSettings

MATH = ProblemSettings(source="math-train")


def write_math_train(folder: Path, rows: object) -> Path:
    path = folder / MATH_TRAIN.file
    path.parent.mkdir(parents=True)
    path.write_text(rows if isinstance(rows, str) else json.dumps(rows))
    return folder


def test_math_train_has_7496_different_problems_with_answers(data_dir: Path) -> None:
    found = math_train(MATH, data_dir)
    assert (len(found.problems), found.without_answer, found.repeated) == (7496, 2, 2)
    assert len({problem.id for problem in found.problems}) == 7496
    first = found.problems[0]
    assert first.problem.startswith("A board game spinner is divided into three parts")
    assert (first.answer, first.source) == (r"\frac{1}{4}", "math-train")


def test_a_limit_takes_the_first_problems(data_dir: Path) -> None:
    limited = load_problems(ProblemSettings(source="math-train", limit=10), data_dir)
    assert limited == load_problems(MATH, data_dir)[:10]


def test_rows_without_an_answer_and_repeated_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = [
        {"problem": "a", "final_answer": "1"},
        {"problem": "b", "final_answer": " "},
        {"problem": " a\n", "final_answer": "1"},
        {"problem": "c", "final_answer": 2.0},
    ]
    found = math_train(MATH, write_math_train(tmp_path, rows))
    assert [(p.problem, p.answer) for p in found.problems] == [("a", "1"), ("c", "2")]
    assert (found.without_answer, found.repeated) == (1, 1)


def test_rows_of_the_hub_state_their_answer_in_the_solution(tmp_path: Path) -> None:
    rows = [{"problem": "a", "solution": r"So $x=\boxed{\frac{1}{2}}$."}, {"problem": "b", "solution": "no box, 7"}]
    found = math_train(MATH, write_math_train(tmp_path, rows))
    assert [(p.problem, p.answer) for p in found.problems] == [("a", r"\frac{1}{2}")]
    assert found.without_answer == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"problem": "a"}], "row 0: field 'solution' is missing, allowed: a non-empty string (found: problem)"),
        ([{"final_answer": "1"}], "row 0: field 'problem' is missing"),
        ([{"problem": 5, "final_answer": "1"}], "row 0: field 'problem' is 5, allowed: a non-empty string"),
        (
            [{"problem": "a", "final_answer": [1]}],
            "row 0: field 'final_answer' is [1], allowed: a string or a number",
        ),
        ([{"problem": "a", "final_answer": "1"}, 7], "row 1: 7 is not a JSON object"),
        ({"problem": "a"}, "allowed: an array of objects"),
        ("[{", "not JSON (EOF"),
    ],
)
def test_a_wrong_row_is_refused_with_file_row_field_and_what_is_allowed(
    tmp_path: Path, rows: object, message: str
) -> None:
    with pytest.raises(InputError) as error:
        load_problems(MATH, write_math_train(tmp_path, rows))
    assert message in str(error.value)
    assert MATH_TRAIN.file in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"math-train/extracted_problems_and_answers\.json' cannot be read: .*No such"
    ):
        load_problems(MATH, tmp_path)


@pytest.mark.parametrize(
    "broken", [b"no gzip", gzip.compress(b'{"a": 1}\n', mtime=0)[:-4], gzip.compress(b"\xff\xfe", mtime=0)]
)
def test_a_broken_archive_is_named(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "x.jsonl.gz").write_bytes(broken)
    with pytest.raises(InputError, match=r"x\.jsonl\.gz' is not (a whole gzip file|UTF-8 text)"):
        list(source_rows(DataSource("r", "s", "x.jsonl.gz"), tmp_path))


def test_miniature_problems_are_drawn_and_repeatable() -> None:
    settings = ProblemSettings(source="miniature", limit=30, seed=5)
    problems = load_problems(settings)
    assert len(problems) == 30
    assert problems == load_problems(settings)
    assert problems[:20] == load_problems(settings.model_copy(update={"limit": 20}))
    assert all(problem.answer.isdigit() and problem.source == "miniature" for problem in problems)
    other = load_problems(settings.model_copy(update={"seed": 6}))
    assert {p.id for p in problems}.isdisjoint(p.id for p in other)


def test_the_miniature_needs_a_limit() -> None:
    with pytest.raises(InputError, match=r"problems\.limit is None, allowed: a whole number from 1"):
        load_problems(ProblemSettings(source="miniature", limit=None))


def test_ids_never_change() -> None:
    # sha256 of "1+1=?", as `sha256sum` prints it: tables of earlier runs must stay joinable
    assert problem_id("1 + 1 = ?") == "b9ab5b7f58369cf5"
    assert problem_id("1 + 1 = ?") != problem_id("1 + 2 = ?")


@given(st.text(), st.integers(1, 64))
def test_a_shard_is_in_range(identity: str, shards: int) -> None:
    assert 0 <= shard_of(identity, shards) < shards
    assert shard_of(identity, 1) == 0


def test_shards_are_of_similar_size() -> None:
    sizes = Counter(shard_of(problem_id(str(number)), 16) for number in range(7500))
    assert len(sizes) == 16
    # 7500 / 16 = 469 with a standard deviation of 21
    assert all(380 < size < 560 for size in sizes.values())


def test_no_shards_are_refused() -> None:
    with pytest.raises(ValueError, match="shards is 0, allowed: 1 or more"):
        shard_of("x", 0)


def test_the_data_directory_is_given_or_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GENPRM_DATA_DIR", raising=False)
    assert data_directory() is None
    monkeypatch.setenv("GENPRM_DATA_DIR", str(tmp_path))
    assert data_directory() == tmp_path
    assert data_directory("hub") is None
    with pytest.raises(InputError, match="data directory '/nowhere/at/all' is not a directory"):
        data_directory("/nowhere/at/all")


class Hub:
    """Stands in for the `datasets` library."""

    def __init__(self, rows: list[dict[str, str]] | None) -> None:
        self.rows = rows
        self.asked: list[tuple[object, ...]] = []

    def load_dataset(
        self, repository: str, config: str | None, *, split: str, streaming: bool
    ) -> list[dict[str, str]]:
        self.asked.append((repository, config, split))
        if self.rows is None:
            raise ConnectionError(f"Couldn't reach {repository!r}\non the Hub")
        return self.rows


def test_without_a_directory_rows_come_from_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub([{"problem": "a", "solution": r"\boxed{1}", "level": "Level 1", "type": "Algebra"}])
    monkeypatch.setitem(sys.modules, "datasets", hub)
    assert [(p.problem, p.answer) for p in load_problems(MATH)] == [("a", "1")]
    assert hub.asked == [(MATH_TRAIN.repository, None, "train")]


def test_an_unreachable_hub_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", Hub(None))
    with pytest.raises(
        InputError, match=r"cannot be had from the hub \(Couldn't reach .* on the Hub\); name a dir"
    ):
        load_problems(MATH)
