"""Partitions in an object store: carried when they are finished, brought where they are asked for."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from genprm import carried
from genprm.carried import CarryError, Place, place_of, require_place
from genprm.records import Problem
from genprm.settings import SettingsError
from genprm.store import TableStore

ROWS = [Problem("p1", "2 + 2?", "4", "own")]


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a profile's folder in an object store in this process."""
    monkeypatch.setenv(carried.ADDRESS, f"memory://{uuid.uuid4().hex}/runs/")
    place = place_of(Path("miniature"))
    assert place is not None
    return place.address


def finished(store: TableStore, version: str) -> None:
    """A partition with a table, and a directory as a checkpoint has it."""
    store.write(Problem, "problems", ROWS, "0-of-2")
    weights = store.folder("weights", "tiny")
    (weights / "model.safetensors").write_bytes(bytes(100))
    (weights / "deep").mkdir(exist_ok=True)
    (weights / "deep" / "config.json").write_text("{}")
    store.record(weights)
    store.note_version("problems", "0-of-2", version, [store.path("problems", "0-of-2"), weights])


def test_a_finished_partition_is_whole_on_another_machine(address: str, tmp_path: Path) -> None:
    here, there = TableStore(tmp_path / "one" / "miniature"), TableStore(tmp_path / "two" / "miniature")
    finished(here, "abc")
    assert not there.bring("problems", "0-of-2", "another content")
    assert not there.bring("problems", "1-of-2", "abc")
    assert not there.root.exists()
    assert there.bring("problems", "0-of-2", "abc")
    assert there.read(Problem, "problems", "0-of-2") == ROWS
    assert (there.root / "weights" / "tiny" / "deep" / "config.json").read_text() == "{}"
    assert there.damage(there.root / "weights" / "tiny", verify=True) == ""
    assert there.note("problems", "0-of-2") == here.note("problems", "0-of-2")


def test_what_did_not_change_is_not_carried_again(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, put = TableStore(tmp_path / "miniature"), []
    finished(store, "abc")
    monkeypatch.setattr(Place, "put", lambda self, path, name: put.append(name))
    finished(store, "abd")
    assert put == ["versions/problems/0-of-2"]
    (store.root / "weights" / "tiny" / "deep" / "config.json").write_text("{ }")
    store.record(store.root / "weights" / "tiny")
    store.note_version("problems", "0-of-2", "abe", [store.root / "weights" / "tiny"])
    assert put[1:] == ["weights/tiny/deep/config.json", "versions/problems/0-of-2"]


def test_of_a_partition_that_was_carried_by_halves_nothing_passes_for_the_earlier_one(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = TableStore(tmp_path / "one" / "miniature"), TableStore(tmp_path / "two" / "miniature")
    finished(here, "abc")
    config, put = here.root / "weights" / "tiny" / "deep" / "config.json", Place.put
    config.write_text('{"other": 1}')
    here.record(here.root / "weights" / "tiny")

    def fail_before_the_note(self: Place, path: Path, name: str) -> None:
        if name.startswith("versions/"):
            raise CarryError("gone")
        put(self, path, name)

    monkeypatch.setattr(Place, "put", fail_before_the_note)
    with pytest.raises(CarryError):
        here.note_version("problems", "0-of-2", "abd", [here.root / "weights" / "tiny"])
    assert not there.bring("problems", "0-of-2", "abc")


def test_files_that_were_carried_without_their_record_are_carried_again(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = TableStore(tmp_path / "one" / "miniature"), TableStore(tmp_path / "two" / "miniature")
    finished(here, "abc")
    config = here.root / "weights" / "tiny" / "deep" / "config.json"
    config.write_text('{"other": 1}')
    here.record(here.root / "weights" / "tiny")

    def fail(self: Place, name: str, content: bytes) -> None:
        raise CarryError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(Place, "write", fail)
        with pytest.raises(CarryError):
            here.note_version("problems", "0-of-2", "abd", [here.root / "weights" / "tiny"])
    finished(here, "abc")
    assert there.bring("problems", "0-of-2", "abc")
    assert there.damage(there.root / "weights" / "tiny", verify=True) == ""


@pytest.mark.parametrize("lost", ["weights/tiny/deep/config.json", "records/weights/tiny.json"])
def test_what_was_removed_from_the_place_is_not_there_and_is_carried_again(
    address: str, tmp_path: Path, lost: str
) -> None:
    here, there = TableStore(tmp_path / "one" / "miniature"), TableStore(tmp_path / "two" / "miniature")
    finished(here, "abc")
    Place(address).remove(lost)
    assert not there.bring("problems", "0-of-2", "abc")
    assert there.note("problems", "0-of-2").version == ""
    finished(there, "abc")
    third = TableStore(tmp_path / "three" / "miniature")
    assert third.bring("problems", "0-of-2", "abc")
    assert third.damage(third.root / "weights" / "tiny", verify=True) == ""


def test_without_an_address_nothing_is_carried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(carried.ADDRESS, raising=False)
    require_place()
    assert place_of(tmp_path) is None
    assert not TableStore(tmp_path).bring("problems", None, "abc")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("bucket/folder", "is 'bucket/folder', allowed: an address such as s3://bucket/folder"),
        ("nowhere://bucket", "'nowhere://bucket': ValueError: Protocol not known: nowhere"),
        (
            "file:///nowhere/at/all",
            "No such file.*; allowed: a bucket that is there; a folder on disk is shared as",
        ),
    ],
)
def test_an_address_that_cannot_be_used_is_one_line(
    address: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(carried.ADDRESS, address)
    with pytest.raises(SettingsError, match=f"^{carried.ADDRESS} .*{words}") as error:
        require_place()
    assert "\n" not in str(error.value)


def test_a_folder_on_disk_is_refused_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file system makes no folders, so that nothing could be put into one."""
    monkeypatch.setenv(carried.ADDRESS, tmp_path.as_uri())
    with pytest.raises(SettingsError, match="a folder on disk is shared as GENPRM_HOME"):
        require_place()


def test_a_place_that_fails_says_so_and_why() -> None:
    with pytest.raises(CarryError, match=f"^{carried.ADDRESS} 'nowhere://bucket': ValueError"):
        Place("nowhere://bucket").read("a")
