"""An artifact is declared once: what it reads, where it stands, and that it is found from another package."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets import artifact as registry
from assets.artifact import ARTIFACTS, ArtifactContext, Made, Stage, artifact
from assets.partitions import Pipeline
from genprm.profiles import build_profile
from genprm.records import Problem
from genprm.store import DeclaredStore, TableStore, UndeclaredInputError
from orchestration.assembly import build_definitions
from orchestration.schedule import artifact_names
from tests.genprm.installed_package import install

ONE_FILE = '''
"""How long the questions are."""

from dataclasses import dataclass

from assets.artifact import ArtifactContext, Check, Input, Made, Stage, Table, artifact
from genprm.records import Problem

ALL = Check("all_measured", "Every problem has a length.")


@dataclass(frozen=True)
class Length:
    problem_id: str
    characters: int


@artifact(
    stage=Stage.SOLUTIONS,
    code_version="1",
    inputs=lambda pipeline: [Input("problems")],
    checks=(ALL,),
)
def problem_lengths(context: ArtifactContext) -> Made:
    """The length of every question, in characters."""
    problems = context.store.read(Problem, "problems")
    rows = [Length(row.id, len(row.problem)) for row in problems]
    return Made([Table(Length, rows)], [ALL.result(len(rows) == len(problems))], {"problems": len(rows)})
'''


PROFILE = build_profile({"name": "p", "problems": {"source": "miniature", "limit": 3}})


@pytest.fixture
def other_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The artifact of a package beside the project."""
    points = {f"{registry.GROUP}:lengths": "problem_lengths"}
    install(tmp_path / "package", monkeypatch, "lengths_of_others", ONE_FILE, points)
    yield "problem_lengths"
    ARTIFACTS.pop("problem_lengths", None)
    sys.modules.pop("lengths_of_others", None)


def test_an_artifact_of_another_package_is_one_file(other_package: str, tmp_path: Path) -> None:
    graph = build_definitions(PROFILE).resolve_asset_graph()
    names = artifact_names(graph)
    assert names.index("problems") < names.index(other_package) < names.index("mc_scores"), "its stage says when"
    node = graph.get(dg.AssetKey(other_package))
    assert (node.description, node.group_name) == ("The length of every question, in characters.", "solutions")
    store = TableStore(tmp_path / "home")
    store.write(Problem, "problems", [Problem("a", "How many?", "3", "x"), Problem("b", "Why?", "4", "x")])
    asset = ARTIFACTS[other_package].define(Pipeline(PROFILE))
    resources = dict.fromkeys(("machines", "tracking", "progress"), None)
    done = dg.materialize([asset], resources={**resources, "store": store}, selection=[other_package])
    assert done.success
    (event,) = done.asset_materializations_for_node(other_package)
    assert event.metadata["problems"].value == 2
    assert [check.passed for check in done.get_asset_check_evaluations()] == [True]


def test_an_artifact_reads_what_it_declares_and_nothing_else(tmp_path: Path) -> None:
    store = DeclaredStore(tmp_path, "report", frozenset({"report", "leaderboard"}))
    with pytest.raises(UndeclaredInputError, match=r"artifact 'report' reads 'problems', declared inputs: leader"):
        store.read(Problem, "problems")
    with pytest.raises(UndeclaredInputError, match="'checkpoints'"):
        store.folder("checkpoints", "a")
    assert store.folder("report").is_dir()


def test_a_name_is_registered_once() -> None:
    def problems(context: ArtifactContext) -> Made:
        return Made()

    registry.load_artifacts()
    with pytest.raises(ValueError, match="artifact 'problems' is registered twice"):
        artifact(stage=Stage.SOLUTIONS, code_version="1")(problems)


def test_a_broken_artifact_writes_nothing_and_says_which_check(tmp_path: Path) -> None:
    from assets.artifact import Check, Table

    check = Check("never", "It cannot hold.")

    @artifact(stage=Stage.SOLUTIONS, code_version="1", checks=(check,))
    def broken_artifact(context: ArtifactContext) -> Made:
        """Broken."""
        return Made([Table(Problem, [Problem("a", "b", "c", "d")])], [check.result(False, found=1)])

    try:
        pipeline = Pipeline(build_profile({"name": "p"}))
        store = TableStore(tmp_path)
        resources = dict.fromkeys(("machines", "tracking", "progress"), None)
        with pytest.raises(dg.Failure, match="broken_artifact: check never failed; nothing was written"):
            dg.materialize([broken_artifact.define(pipeline)], resources={**resources, "store": store})
        assert not (tmp_path / "tables").exists()
    finally:
        ARTIFACTS.pop("broken_artifact")
