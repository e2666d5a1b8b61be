"""Files that change behind the project's back: named, made again, and nothing is made from them before."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import fake_method
import pytest
from conftest import House

from genprm.files import write_text
from genprm.records import StepScores, Verification
from genprm.store import DamagedFile, TableStore, profile_store
from genprm.view.runs import predicted_cases
from orchestration.damage import damage_of, standing_of
from orchestration.materialize import Choice, MissingInput, materialize
from orchestration.schedule import pipeline_nodes
from orchestration.staleness import Node, Staleness
from orchestration.worker import Order, execute


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def exchange(file: Path) -> None:
    """Put a sibling in its place, with the sibling's times, as `mv` does."""
    siblings = (other for other in sorted(file.parent.parent.rglob("*")) if other.is_file())
    other = next((one for one in siblings if one.read_bytes() != file.read_bytes()), None)
    if other is None:
        write_text(file, "another file")
    else:
        shutil.copy2(other, file)


def delete(file: Path) -> None:
    file.unlink()


DAMAGES: tuple[Callable[[Path], None], ...] = (truncate, flip, exchange, delete)


def files_of(store: TableStore, node: Node) -> list[Path]:
    """Every file that was recorded for a partition."""
    paths = [store.root / name for name in store.note(node.asset, node.partition).files]
    inside = [file for path in paths if path.is_dir() for file in sorted(path.iterdir())]
    return [path for path in paths if path.is_file()] + inside


def first_of_each(house: House) -> list[Node]:
    """One partition of every artifact, and a trained checkpoint beside the reference."""
    nodes = {node.asset: node for node in pipeline_nodes(house.graph)}
    return [*nodes.values(), Node("checkpoints", "tiny.main.full")]


@pytest.mark.slow
@pytest.mark.parametrize("spoil", DAMAGES)
def test_every_kind_of_file_is_named_and_made_again(made_once: House, spoil: Callable[[Path], None]) -> None:
    made_once.use(fake_method.fake_profile())
    store = profile_store("fake")
    looked_at = set()
    for node in first_of_each(made_once):
        for file in files_of(store, node):
            content, kind = file.read_bytes(), (node.asset, file.suffix)
            if kind in looked_at:
                continue
            spoil(file)
            if not file.exists() or file.read_bytes() != content:
                looked_at.add(kind)
                assert made_once.late() == [str(node)], file
                standing = standing_of(node, Staleness(made_once.instance, made_once.graph), store)
                assert file.name in standing.why
                error = execute(made_once.defs, made_once.instance, Order(node.asset, node.partition), {}).error
                assert error == ""
                assert made_once.late() == [], "it comes out as it was: nothing behind it is made again"
    kinds = {("checkpoints", ".safetensors"), ("checkpoints", ".json"), ("report", ".html")}
    assert looked_at >= kinds | {
        ("problems", ".parquet"),
        ("training_set", ".parquet"),
        ("leaderboard", ".parquet"),
    }


@pytest.mark.slow
def test_all_tables_may_be_deleted(made: House, home: Path) -> None:
    nodes = [str(node) for node in pipeline_nodes(made.graph)]
    shutil.rmtree(home / "fake" / "tables")
    tables = [name for name in nodes if not name.startswith(("checkpoints", "report"))]
    assert sorted(made.late()) == sorted(tables)
    assert sorted(made.make()) == sorted(tables)
    assert made.late() == []


SCORES = Node("mc_scores", "0-of-2")


@pytest.fixture
def scores(made_once: House) -> Path:
    """The file of one table, put back after the test."""
    made_once.use(fake_method.fake_profile())
    path = profile_store("fake").path("mc_scores", "0-of-2")
    before, times = path.read_bytes(), path.stat()
    yield path
    path.write_bytes(before)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def standing(house: House, node: Node, verify: bool = False) -> str:
    """Why a partition is not fresh; empty when it is."""
    return standing_of(node, Staleness(house.instance, house.graph), profile_store("fake"), verify).why


def test_a_copied_file_is_whole_by_its_content(made_once: House, scores: Path) -> None:
    os.utime(scores, ns=(1, 1))
    assert standing(made_once, SCORES) == ""


def test_a_flip_under_the_old_time_is_seen_when_everything_is_read(made_once: House, scores: Path) -> None:
    times = scores.stat()
    flip(scores)
    os.utime(scores, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert standing(made_once, SCORES) == ""
    assert standing(made_once, SCORES, verify=True) == f"{scores} is not what was written"


def test_nothing_reads_a_damaged_table(made_once: House, scores: Path) -> None:
    flip(scores)
    with pytest.raises(DamagedFile, match=r"table 'mc_scores' partition '0-of-2' is damaged: .* genprm run"):
        profile_store("fake").read(StepScores, "mc_scores", "0-of-2")


def test_what_is_selected_is_not_made_from_a_damaged_input(made_once: House, scores: Path) -> None:
    truncate(scores)
    choice = Choice(["rpe_labels"])
    with pytest.raises(
        MissingInput, match=r"rpe_labels: its input mc_scores 0-of-2 is damaged .* select mc_scores"
    ):
        materialize(made_once.profile, made_once.graph, made_once.instance, choice, None, "")  # type: ignore[arg-type]


@pytest.mark.parametrize("note", [b"\xff\xfe", b"{", b'{"version": 3}'])
def test_a_version_note_that_is_garbage_is_one_line(made_once: House, scores: Path, note: bytes) -> None:
    path = made_once.home / "fake" / "versions" / "mc_scores" / "0-of-2"
    before = path.read_bytes()
    path.write_bytes(note)
    assert standing(made_once, SCORES) == f"{path} is no version note"
    path.write_bytes(before)


def other_page(*_: object) -> str:
    """A report that says something else."""
    return "<p>other results</p>"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("node", "changed", "file"),
    [
        (Node("rpe_labels", "0-of-2|main"), {"labels": {"epsilon": 0.5}}, "tables/rpe_labels/0-of-2/main.parquet"),
        (
            Node("checkpoints", "tiny.main.full"),
            {"training": {"epochs": 2}},
            "checkpoints/tiny.main.full/checkpoint.json",
        ),
        (Node("report", None), {}, "report/index.html"),
    ],
    ids=["table", "card", "report"],
)
def test_what_an_interrupted_run_replaced_is_stale_under_the_earlier_settings(
    made_once: House, node: Node, changed: dict[str, dict[str, object]], file: str
) -> None:
    """The file and its record are new, the version note is not: the run ended in between."""
    path = made_once.home / "fake" / file
    made_once.use(fake_method.fake_profile())
    assert made_once.late() == []
    before = path.read_bytes()
    made_once.use(fake_method.fake_profile(**changed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TableStore, "note_version", interrupted)
        patch.setattr("assets.report.render", other_page)
        assert execute(made_once.defs, made_once.instance, Order(node.asset, node.partition), {}).error
    assert path.read_bytes() != before
    made_once.use(fake_method.fake_profile())
    assert made_once.late() == [str(node)]
    assert standing(made_once, node) == f"{path} was replaced by a run that did not finish"
    assert made_once.make() == [str(node)]
    assert made_once.late() == []


def interrupted(*_: object) -> None:
    """What Ctrl-C does to the process that is there."""
    raise KeyboardInterrupt


def test_notes_of_before_hashes_were_kept_are_accepted(made_once: House, scores: Path) -> None:
    note = made_once.home / "fake" / "versions" / "mc_scores" / "0-of-2"
    before, fields = note.read_text(), json.loads(note.read_text())
    assert list(fields.pop("hashes")) == ["tables/mc_scores/0-of-2.parquet"]
    note.write_text(json.dumps(fields))
    assert standing(made_once, SCORES) == standing(made_once, SCORES, verify=True) == ""
    note.write_text(before)


def as_before_files_were_recorded(house: House) -> TableStore:
    """Notes that hold a version and nothing else, and no records, as earlier releases left a home."""
    store = profile_store("fake")
    shutil.rmtree(store.root / "records")
    for node in pipeline_nodes(house.graph):
        note = store.root / "versions" / node.asset / (node.partition or "all").replace("|", "/")
        note.write_text(store.version(node.asset, node.partition))
    return store


@pytest.mark.slow
def test_homes_of_earlier_releases_stay_fresh_and_can_be_verified(made: House) -> None:
    store = as_before_files_were_recorded(made)
    staleness = Staleness(made.instance, made.graph)
    nodes = pipeline_nodes(made.graph)
    for verify in (False, True):
        assert [standing_of(node, staleness, store, verify).why for node in nodes] == [""] * len(nodes)

    labels = Node("rpe_labels", "0-of-2|main")
    weights = Node("checkpoints", "tiny.main.full")
    exchange(store.path("rpe_labels", "0-of-2|main"))
    flip(next((store.root / "checkpoints" / "tiny.main.full").rglob("*.safetensors")))
    for node in (labels, weights):
        assert damage_of(node, staleness.version(node), store) == ""
        assert "is not what was written" in damage_of(node, staleness.version(node), store, verify=True)


@pytest.mark.slow
def test_a_moved_home_is_fresh_and_goes_on(made: House, home: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    home.rename(moved)
    made.home = moved
    made.use(fake_method.fake_profile())
    assert made.late() == []
    made.use(fake_method.fake_profile(evaluation={"votes": 5}))
    assert {name.split()[0] for name in made.make()} == {"processbench", "leaderboard", "report"}


def test_transcripts_that_are_damaged_are_made_again_from_the_journal_and_decide_nothing(made_once: House) -> None:
    made_once.use(fake_method.fake_profile())
    store, node = profile_store("fake"), Node("processbench", "tiny.main.full|long")
    path = store.path("transcripts", node.partition)
    assert path in files_of(store, node)
    before, calls = store.read(Verification, "transcripts", node.partition), fake_method.calls()

    truncate(path)
    assert made_once.late() == [str(node)]
    assert made_once.make() == [str(node)]
    assert store.read(Verification, "transcripts", node.partition) == before
    assert all(bool(step.text) == (row.path == 0) for row in before for step in row.steps)

    made_once.use(fake_method.fake_profile(evaluation={"kept_paths": 0}))
    truncate(path)
    assert made_once.make() == [str(node)], "the predictions are the same without it"
    assert path not in files_of(store, node)
    shown = predicted_cases(store, "tiny.main.full", "long")
    assert not any("analysis" in step for case in shown for path in case["paths"] for step in path)

    made_once.use(fake_method.fake_profile())
    execute(made_once.defs, made_once.instance, Order(node.asset, node.partition), {})
    assert made_once.late() == []
    assert fake_method.calls() == calls
