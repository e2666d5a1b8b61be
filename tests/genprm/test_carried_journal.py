"""A journal on two machines: what one finished, the other finds, also when the first was lost."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import pytest

from genprm import carried_journal
from genprm.carried import CarryError, Place
from genprm.carried_journal import CarriedJournal
from genprm.journal import Journal

NAME = "journal/solutions/0-of-2.jsonl"


@pytest.fixture
def place() -> Place:
    """An object store in this process."""
    return Place(f"memory://{uuid.uuid4().hex}/miniature")


def opened(machine: Path, place: Place) -> CarriedJournal:
    return CarriedJournal(machine / NAME, place, NAME)


def test_each_machine_goes_on_from_what_the_others_finished(tmp_path: Path, place: Place) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    with opened(one, place) as journal:
        journal.put("a", 1)
    with opened(two, place) as journal:
        assert journal.get("a") == 1
        journal.put("b", {"text": "é"})
    with opened(one, place) as journal:
        assert (journal.get("a"), journal.get("b")) == (1, {"text": "é"})
        journal.put("c", 3)
        assert [journal.get(key) for key in "abc"] == [1, {"text": "é"}, 3]
    assert len(place.names(NAME)) == 3
    with opened(one, place), opened(two, place) as journal:
        assert len(journal) == 3
    assert len(place.names(NAME)) == 3, "what is there is not carried again"


def test_of_a_lost_machine_what_had_waited_long_enough_is_there(
    tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row comes after the second one: it is carried all the same."""
    monkeypatch.setattr(carried_journal, "CARRY_SECONDS", 0.1)
    lost = opened(tmp_path / "lost", place)
    lost.put("a", 1)
    lost.put("b", 2)
    carried_to(place, 2)
    monkeypatch.setattr(carried_journal, "CARRY_SECONDS", 3600.0)
    time.sleep(0.3)  # the wait that was begun before
    lost.put("c", 3)
    with opened(tmp_path / "other", place) as journal:
        assert (journal.get("a"), journal.get("b"), "c" in journal) == (1, 2, False)
        journal.put("c", 4)
    lost.close()
    with opened(tmp_path / "third", place) as journal:
        assert journal.get("c") in (3, 4), "made twice, and either is an answer"


def carried_to(place: Place, rows: int) -> None:
    """Wait until so many rows are in the place."""
    while sum((place.read(name) or b"").count(b"\n") for name in place.names(NAME)) < rows:
        time.sleep(0.02)


def test_rows_put_while_others_are_carried_are_whole(
    tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carried_journal, "CARRY_SECONDS", 0.001)
    with opened(tmp_path / "one", place) as journal:
        for number in range(300):
            journal.put(str(number), "x" * number)
            assert journal.get(str(number // 2)) == "x" * (number // 2)
    with opened(tmp_path / "two", place) as journal:
        assert [journal.get(str(number)) for number in range(300)] == ["x" * number for number in range(300)]
    assert len(place.names(NAME)) > 1


def refuse(*_: object) -> None:
    """What a place does that is out of reach."""
    raise CarryError("out of reach")


def test_a_place_that_fails_in_the_background_is_told_by_the_next_put(
    tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carried_journal, "CARRY_SECONDS", 0.02)
    journal = opened(tmp_path / "one", place)
    with monkeypatch.context() as patch:
        patch.setattr(Place, "write", refuse)
        journal.put("a", 1)
        while journal._failure is None:
            time.sleep(0.02)
        monkeypatch.setattr(carried_journal, "CARRY_SECONDS", 3600.0)
    with pytest.raises(CarryError, match="out of reach"):
        journal.put("b", 2)
    journal.close()
    with opened(tmp_path / "two", place) as other:
        assert other.get("a") == 1, "it was carried at the end"


@pytest.mark.parametrize("last", ["put", "close"])
def test_a_place_that_failed_for_a_while_is_no_failure_once_all_is_carried(
    tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    monkeypatch.setattr(carried_journal, "CARRY_SECONDS", 0.02)
    with monkeypatch.context() as patch:
        patch.setattr(Place, "write", refuse)
        journal = opened(tmp_path / "one", place)
        journal.put("a", 1)
        while journal._failure is None:
            time.sleep(0.02)
        if last == "close":
            monkeypatch.setattr(carried_journal, "CARRY_SECONDS", 3600.0)
            time.sleep(0.1)  # the wait that was begun before
    if last == "put":
        carried_to(place, 1)
        while journal._failure is not None:
            time.sleep(0.02)
        journal.put("b", 2)
    journal.close()
    with opened(tmp_path / "two", place) as other:
        assert other.get("a") == 1


def test_a_place_that_fails_at_the_end_leaves_the_journal_free(
    tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened(tmp_path / "one", place)
    journal.put("a", 1)
    with monkeypatch.context() as patch:
        patch.setattr(Place, "write", refuse)
        with pytest.raises(CarryError, match="out of reach"):
            journal.close()
    with opened(tmp_path / "one", place), opened(tmp_path / "two", place) as other:
        assert other.get("a") == 1


def test_rows_of_a_time_without_a_place_are_carried_and_a_torn_one_is_not(tmp_path: Path, place: Place) -> None:
    path = tmp_path / "one" / NAME
    with Journal(path) as journal:
        journal.put("a", 1)
    path.write_bytes(path.read_bytes() + b'{"key": "torn", "val')
    with opened(tmp_path / "two", place) as journal:
        journal.put("b", 2)
    with opened(tmp_path / "one", place) as journal:
        assert sorted(journal._places) == ["a", "b"]
    with opened(tmp_path / "two", place) as journal:
        assert sorted(journal._places) == ["a", "b"]
