"""What a journal promises: nothing finished is lost or done twice, whatever happened in between."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from genprm.journal import Codec, Journal, JournalError, finish, once, row_key


def test_what_was_put_is_there_after_reopening(tmp_path: Path) -> None:
    with Journal(tmp_path / "rows.jsonl") as journal:
        journal.put("a", {"mc": [0.1, 1 / 3], "answer": None})
    with Journal(tmp_path / "rows.jsonl") as journal:
        assert journal.get("a") == {"mc": [0.1, 1 / 3], "answer": None}
        assert "b" not in journal


@pytest.mark.parametrize("torn", [b'{"key": "c", "val', b'{"key": "c", "value": 3}', b'{"key": "c", "va\n'])
def test_a_torn_last_line_is_dropped_and_later_rows_are_readable(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    with Journal(path) as journal:
        journal.put("a", 1)
        journal.put("b", 2)
    path.write_bytes(path.read_bytes() + torn)
    with Journal(path) as journal:
        assert len(journal) == 2
        journal.put("d", 4)
    assert [json.loads(line)["key"] for line in path.read_text().splitlines()] == ["a", "b", "d"]


def test_rows_are_read_back_between_others_that_are_written(tmp_path: Path) -> None:
    """Shorter and longer than what is read from disk at a time, on a file that ended in a torn line."""
    path, draw = tmp_path / "rows.jsonl", random.Random(0)
    path.write_bytes(b'{"key": "torn", "value": "' + b"x" * 20_000)
    rows: dict[str, str] = {}
    with Journal(path) as journal:
        for number in range(300):
            rows[str(number)] = str(number) * draw.choice((1, 100, 8_000))
            journal.put(str(number), rows[str(number)])
            for key in draw.choices(list(rows), k=draw.randrange(3)):
                assert journal.get(key) == rows[key]
    with Journal(path) as journal:
        assert {key: journal.get(key) for key in rows} == rows
        assert len(journal) == 300


def test_damage_in_the_middle_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"key": "a", "value": 1}\nnot json\n{"key": "b", "value": 2}\n')
    with pytest.raises(JournalError, match=r"rows\.jsonl, line 2"):
        Journal(path)
    assert "not json" in path.read_text()


def test_two_processes_cannot_write_the_same_journal(tmp_path: Path) -> None:
    with Journal(tmp_path / "rows.jsonl"), pytest.raises(JournalError, match="in use"):
        Journal(tmp_path / "rows.jsonl")


def test_keys_see_values_and_not_their_order() -> None:
    assert row_key("s", 1, {"a": 1, "b": [2]}) == row_key("s", 1, {"b": [2], "a": 1})
    assert len({row_key("s", 1), row_key("s", 2), row_key("t", 1), row_key("s", "1"), row_key("s", [1])}) == 5


async def test_only_unfinished_items_are_worked_on_and_results_keep_their_order(tmp_path: Path) -> None:
    worked: list[int] = []

    async def square(index: int) -> int:
        worked.append(index)
        return index * index

    async def run(indices: list[int]) -> list[int]:
        with Journal(tmp_path / "rows.jsonl") as journal:

            async def work(position: int) -> int:
                return await square(indices[position])

            return await finish(journal, [row_key(i) for i in indices], work, Codec(int, int))

    assert await run([3, 1]) == [9, 1]
    assert await run([1, 2, 3]) == [1, 4, 9]
    assert sorted(worked) == [1, 2, 3]


async def test_items_with_the_same_key_are_worked_on_once_however_many_are_in_flight(tmp_path: Path) -> None:
    worked, told = [], []

    async def work(index: int) -> int:
        worked.append(index)
        await asyncio.sleep(0)
        return 10 * index

    with Journal(tmp_path / "j") as journal:
        made = await finish(journal, ["a", "b", "a", "a"], work, Codec(int, int), told.append)
    assert (worked, made) == ([0, 1], [0, 10, 0, 0])
    assert (told[0], sum(told)) == (0, 4)


async def test_a_failure_keeps_what_was_finished_before(tmp_path: Path) -> None:
    async def work(index: int) -> int:
        if index == 2:
            raise ValueError("no answer")
        return index

    with Journal(tmp_path / "rows.jsonl") as journal, pytest.raises(ValueError, match="no answer"):
        await finish(journal, ["0", "1", "2"], work, Codec(int, int), in_flight=1)
    with Journal(tmp_path / "rows.jsonl") as journal:
        assert [key in journal for key in "012"] == [True, True, False]


def test_synced_rows_survive_a_kill(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from genprm.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1]))\n"
        "for n in range(100): journal.put(str(n), n)\n"
        "journal.sync(); journal.put('late', 1); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = tmp_path / "rows.jsonl"
    done = subprocess.run([sys.executable, "-c", script, str(path)], env={**os.environ}, check=False)
    assert done.returncode == -signal.SIGKILL
    with Journal(path) as journal:
        assert all(str(n) in journal for n in range(100))


async def test_what_several_ask_for_at_once_is_made_once_and_what_failed_is_made_again(tmp_path: Path) -> None:
    made: list[int] = []

    async def work() -> int:
        made.append(len(made))
        await asyncio.sleep(0.01)
        if made == [0]:
            raise ValueError("the first attempt")
        return 7

    with Journal(tmp_path / "rows") as journal:
        answers = await asyncio.gather(*(once(journal, "key", work) for _ in range(5)), return_exceptions=True)
    assert list(map(str, answers)) == ["the first attempt", "7", "7", "7", "7"]
    assert made == [0, 1]
