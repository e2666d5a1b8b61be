"""A journal on two machines: what one finished, the other finds, also when the first was lost."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from genprm import carried_journal
from genprm.carried import Place
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
    lost = opened(tmp_path / "lost", place)
    lost.put("a", 1)
    lost.sync()
    assert place.names(NAME) == [], "it waits for company"
    monkeypatch.setattr(carried_journal, "CARRY_SECONDS", 0.0)
    lost.put("b", 2)
    lost.sync()
    lost.put("c", 3)  # not synced
    with opened(tmp_path / "other", place) as journal:
        assert (journal.get("a"), journal.get("b"), "c" in journal) == (1, 2, False)
        journal.put("c", 4)
    lost.close()
    with opened(tmp_path / "third", place) as journal:
        assert journal.get("c") in (3, 4), "made twice, and either is an answer"


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
