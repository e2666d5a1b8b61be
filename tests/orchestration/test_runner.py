"""The runner with real worker processes, on a method without models."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import fake_method
import pytest
import typer
from rich.console import Console

from genprm.store import profile_store
from orchestration import runner
from orchestration.assembly import build_definitions
from orchestration.commands import refresh
from orchestration.display import LineDisplay
from orchestration.home import prepare
from orchestration.recovery import close_runs
from orchestration.reporting import report_parameters
from orchestration.runner import Runner, Summary
from orchestration.schedule import missing_inputs, parents_within, pipeline_nodes
from orchestration.staleness import Node, Staleness
from orchestration.worker import SESSION_TAG, Order

SMALL = ["problems", "solutions", "mc_scores", "rpe_labels"]


def run_small(assets: list[str]) -> tuple[Summary, list[str]]:
    """Make some assets of the fake pipeline with two workers; the summary and the lines shown."""
    from assets.partitions import Pipeline

    prepare()
    profile = fake_method.fake_profile()
    graph = build_definitions(profile).resolve_asset_graph()
    console = Console(file=open(os.devnull, "w"), record=True, width=200)  # noqa: SIM115  closed with the process
    with dg.DagsterInstance.get() as instance:
        report_parameters(instance, Pipeline(profile))
        made = Runner(profile, graph, instance, profile_store("fake"), LineDisplay(console), "fake_method:build")
        summary = made.run(pipeline_nodes(graph, assets))
        assert [run.status.value for run in instance.get_runs() if not run.is_finished] == []
    return summary, console.export_text().splitlines()


@pytest.mark.slow
def test_two_workers_make_what_is_missing_once(home: Path) -> None:
    summary, lines = run_small(SMALL)
    assert sorted(map(str, summary.made)) == [
        "mc_scores 0-of-2",
        "mc_scores 1-of-2",
        "problems",
        "rpe_labels 0-of-2|hard",
        "rpe_labels 0-of-2|main",
        "rpe_labels 1-of-2|hard",
        "rpe_labels 1-of-2|main",
        "solutions 0-of-2",
        "solutions 1-of-2",
    ]
    assert len(lines) == 9
    assert lines[0].startswith("[1/9] problems")
    again, lines = run_small(SMALL)
    assert (again.made, len(again.fresh), lines) == ([], 9, [])


@pytest.mark.slow
def test_a_failure_is_one_line_and_stops_only_what_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_FAILURE", "p0")
    summary, lines = run_small(SMALL)
    (failed,) = summary.failed
    assert failed.asset == "solutions"
    assert "RuntimeError: no solution of p0" in summary.failed[failed]
    assert [line for line in lines if "failed" in line] == [line for line in lines if "no solution of p0" in line]
    other = {"0-of-2": "1-of-2", "1-of-2": "0-of-2"}[str(failed.partition)]
    assert Node("mc_scores", other) in summary.made
    assert all(str(failed.partition) in str(node) for node in summary.skipped)

    monkeypatch.delenv("FAKE_FAILURE")
    before = fake_method.calls().count("solutions")
    summary, _ = run_small(SMALL)
    assert failed in summary.made
    assert summary.failed == {}
    assert fake_method.calls().count("solutions") - before < 8, "finished rows were kept"


@pytest.mark.slow
@pytest.mark.parametrize("what", ["worker", "copy"])
def test_what_died_is_tried_again_and_said(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_DEATHS", f"{what} 2")
    summary, lines = run_small(["problems", "solutions"])
    assert (summary.failed, len(summary.made)) == ({}, 3)
    said = [line for line in lines if "ended by signal 9; finished rows are kept" in line]
    assert [line.rpartition(", ")[2] for line in said] == ["try 2 of 3", "try 3 of 3"]


@pytest.mark.slow
def test_what_dies_every_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_DEATHS", "worker 9")
    summary, _ = run_small(SMALL)
    assert list(summary.failed.values()) == ["its process ended by signal 9"]
    assert fake_method.calls().count("worker") == 3


@pytest.mark.slow
def test_a_worker_that_leaves_by_itself_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_DEATHS", "exit 9")
    summary, _ = run_small(SMALL)
    assert list(summary.failed.values()) == ["its process ended with status 3"]
    assert fake_method.calls().count("exit") == 1


SCRIPT = """
import signal, sys
sys.path.insert(0, {folder!r})
import fake_method, test_runner
if __name__ == "__main__":
    # What a shell starts in the background ignores interrupts, and so do its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    test_runner.run_small(["problems", "solutions"])
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_stays_running_after_an_interrupt_or_the_next_start(
    how: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "script.py"
    folder = str(Path(__file__).parent)
    script.write_text(SCRIPT.format(folder=folder))
    monkeypatch.setenv("FAKE_SLEEP", "600")
    child = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.DEVNULL)
    while fake_method.calls().count("solutions") < 8:
        assert child.poll() is None
        time.sleep(0.2)
    child.send_signal(how)
    child.wait(60)
    prepare()
    with dg.DagsterInstance.get() as instance:
        if how == signal.SIGKILL:
            assert len(close_runs(instance, fake_method.fake_profile())) == 2
        assert [run for run in instance.get_runs() if not run.is_finished] == []
        assert all(SESSION_TAG in run.tags for run in instance.get_runs())


class ImpatientCrew:
    """A crew that is interrupted twice: when work is handed out, and when its training is waited for."""

    room = 1

    def __init__(self) -> None:
        self.told: list[str] = []

    def give(self, node: Node | None, order: Order) -> None:
        raise KeyboardInterrupt

    def stop(self, awaits: Callable[[Node], None]) -> None:
        self.told.append("stop")
        awaits(Node("checkpoints", "tiny.full"))
        raise KeyboardInterrupt

    def close(self) -> None:
        self.told.append("close")
        raise KeyboardInterrupt


def test_runs_are_closed_and_what_is_waited_for_is_said_however_often_it_is_interrupted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crew, closed = ImpatientCrew(), []
    monkeypatch.setattr(runner, "crew_of", lambda *_: crew)
    monkeypatch.setattr(runner, "close_runs", lambda *told: closed.append(told))
    profile = fake_method.fake_profile()
    graph = build_definitions(profile).resolve_asset_graph()
    console = Console(file=io.StringIO(), record=True, width=200)
    with dg.DagsterInstance.ephemeral() as instance:
        started = Runner(profile, graph, instance, None, LineDisplay(console))
        with pytest.raises(KeyboardInterrupt):
            started.run(pipeline_nodes(graph, ["problems"]))
    assert crew.told == ["stop", "close"]
    assert len(closed) == 1
    assert console.export_text().startswith(
        "checkpoints tiny.full saves the state of its training, which is waited"
    )


def test_a_refresh_where_nothing_was_made_makes_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as done:
        refresh()
    assert done.value.exit_code == 0
    assert capsys.readouterr().out == "0 made, 0 fresh, 0 failed, 0 waiting for them\n"


@pytest.mark.parametrize(
    ("selected", "missing"),
    [
        (Node("mc_scores", "0-of-2"), Node("solutions", "0-of-2")),
        (Node("evaluation_set", None), Node("problems", None)),  # a check of it compares the two
    ],
)
def test_selecting_without_inputs_names_what_is_missing(selected: Node, missing: Node) -> None:
    graph = build_definitions(fake_method.fake_profile()).resolve_asset_graph()
    with dg.DagsterInstance.ephemeral() as instance:
        lacking = missing_inputs(pipeline_nodes(graph, [selected.asset]), Staleness(instance, graph), graph)
    assert lacking[0] == (selected, missing)


def test_what_a_check_reads_is_made_first() -> None:
    graph = build_definitions(fake_method.fake_profile()).resolve_asset_graph()
    with dg.DagsterInstance.ephemeral() as instance:
        before = parents_within(pipeline_nodes(graph), Staleness(instance, graph))
    assert before[Node("evaluation_set", None)] == [Node("problems", None)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--profile", "nothing"], "profile 'nothing' is neither a shipped profile"),
        (["--set", "labels.epsilom=0.5"], "labels.epsilom: unknown key, value 0.5"),
        (["--set", "labels.epsilon=high"], "labels.epsilon: "),
        (["--set", "labels"], "'labels' is not of the form section.key=value"),
        (["--select", "labels"], "--select 'labels' is not an asset, allowed: problems, "),
    ],
)
def test_bad_settings_are_one_line_status_2_and_nothing_written(
    arguments: list[str], said: str, home: Path
) -> None:
    script = "import typer; from orchestration.commands import run; typer.run(run)"
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not home.exists()


def test_the_home_gets_a_dagster_file_that_dagster_accepts(home: Path) -> None:
    prepare()
    assert (home / "dagster" / "dagster.yaml").read_text().startswith("#")
    (home / "dagster" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    prepare()
    assert "pools" not in (home / "dagster" / "dagster.yaml").read_text(), "the user's own file stays"
    with dg.DagsterInstance.get() as instance:
        assert not instance.telemetry_enabled
        assert instance.root_directory == str(home / "dagster")
