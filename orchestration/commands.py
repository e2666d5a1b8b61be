"""The commands that this package adds to `genprm`. Dagster is imported when a command runs, not before."""

from __future__ import annotations

import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from genprm.settings import Profile

ProfileOption = Annotated[
    str | None, typer.Option("--profile", help="A shipped profile or a YAML file; GENPRM_PROFILE, then miniature.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="Override one value: section.key=value. May be repeated.")
]
SelectOption = Annotated[list[str] | None, typer.Option("--select", help="Make this asset only. May be repeated.")]

VerifyOption = Annotated[
    bool, typer.Option("--verify", help="Read every file and compare it with what was written.")
]


def run(profile: ProfileOption = None, set_: SetOption = None, select: SelectOption = None) -> None:
    """Materialize what is missing or stale, then show the result table."""
    chosen = read_profile(profile, set_)
    with _interruptible():
        raise typer.Exit(_run(chosen, select or []))


def refresh(profile: ProfileOption = None, set_: SetOption = None, select: SelectOption = None) -> None:
    """Materialize what is stale. What was never made is left alone, and so is what is made from it."""
    chosen = read_profile(profile, set_)
    with _interruptible():
        raise typer.Exit(_run(chosen, select or [], only_again=True))


def recover(profile: ProfileOption = None) -> None:
    """Close what a killed process left open: runs in Dagster, and their places in its pools; runs in MLflow."""
    _recover(read_profile(profile, None))


def status(profile: ProfileOption = None, set_: SetOption = None, verify: VerifyOption = False) -> None:
    """Show which partitions are fresh, stale or missing, and why; and what was spent, beside the plan."""
    _status(read_profile(profile, set_), verify)


def refuse(message: str) -> typer.Exit:
    """Say in one line what is wrong; to be raised."""
    print(f"genprm: {message}", file=sys.stderr)
    return typer.Exit(2)


def read_profile(name: str | None, overrides: list[str] | None) -> Profile:
    """The profile that a command is told, or status 2 and one line."""
    from genprm.profiles import load_profile
    from genprm.settings import SettingsError

    try:
        return load_profile(name, overrides or [])
    except SettingsError as error:
        raise refuse(str(error)) from None


def _graph(profile: Profile) -> Any:
    warnings.simplefilter("ignore")
    from genprm.settings import SettingsError
    from orchestration.assembly import build_definitions

    try:
        return build_definitions(profile).resolve_asset_graph()
    except SettingsError as error:
        raise refuse(str(error)) from None


@contextmanager
def _interruptible() -> Iterator[None]:
    """A termination request ends a run as Ctrl-C does: nothing is left running."""

    def interrupt(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        print("genprm: interrupted; finished rows are kept, the next run continues from them", file=sys.stderr)
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(profile: Profile, select: list[str], only_again: bool = False) -> int:
    from rich.console import Console

    from orchestration.home import prepare
    from orchestration.lock import AnotherRun, run_lock
    from orchestration.schedule import artifact_names

    graph = _graph(profile)
    known = artifact_names(graph)
    unknown = [name for name in select if name not in known]
    if unknown:
        raise refuse(f"--select {unknown[0]!r} is not an asset, allowed: {', '.join(known)}")
    prepare()
    try:
        with run_lock():
            return _materialize(profile, graph, select, only_again, Console())
    except AnotherRun as error:
        raise refuse(str(error)) from None


def _materialize(profile: Profile, graph: Any, select: list[str], only_again: bool, console: Console) -> int:
    import dagster as dg

    from orchestration.display import display_for
    from orchestration.materialize import Choice, MissingInput, materialize
    from orchestration.runner import DEFINITIONS

    choice = Choice(select, only_again)
    with dg.DagsterInstance.get() as instance:
        try:
            nodes, summary = materialize(profile, graph, instance, choice, display_for(console), DEFINITIONS)
        except MissingInput as error:
            raise refuse(f"--select {error}") from None
    console.print(summary.line)
    if summary.failed:
        return 1
    if any(node.asset in ("leaderboard", "report") for node in nodes):
        _show_results(profile, console)
    return 0


def _recover(profile: Profile) -> None:
    import dagster as dg

    from orchestration.home import prepare
    from orchestration.lock import AnotherRun, run_lock
    from orchestration.recovery import close_dead_runs, close_runs, close_tracked, made_by

    prepare()
    with dg.DagsterInstance.get() as instance:
        try:
            with run_lock():
                closed = close_runs(instance, profile)
        except AnotherRun:
            print("a genprm run is in progress here: what it does is left alone")
            closed = []
        closed += close_dead_runs(instance, profile)
        tracked = close_tracked(instance, profile)
    for run in closed:
        partition = run.tags.get("dagster/partition", "")
        print(f"closed run {run.run_id[:8]}: {made_by(run)} {partition}".rstrip())
    if tracked:
        print(f"closed {tracked} more run(s) in MLflow")
    if closed or tracked:
        print("what they had finished is kept: genprm run, or a backfill in the UI, goes on from there")
    else:
        print("nothing was left open")


def _show_results(profile: Profile, console: Console) -> None:
    from assets.report import report_path
    from genprm.results.claims import Claim
    from genprm.results.leaderboard import Results
    from genprm.results.measures import Measure
    from genprm.store import profile_store
    from orchestration.results import print_results
    from orchestration.tracking import dagster_address

    store = profile_store(profile.name)
    print_results(console, Results(store.read(Measure, "leaderboard"), store.read(Claim, "claims")))
    console.print(f"report: {report_path(store)}", highlight=False, soft_wrap=True)
    console.print(f"UI: {dagster_address()} (make ui or genprm ui starts it on this home)", highlight=False)


def _status(profile: Profile, verify: bool) -> None:
    import dagster as dg
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from assets.partitions import Pipeline
    from genprm.planning.assumptions import Assumptions
    from genprm.planning.saved import plan_from_assumptions, read_plan, save_plan
    from genprm.store import profile_store
    from orchestration.damage import is_recorded, standing_of
    from orchestration.home import prepare
    from orchestration.lock import run_in_progress
    from orchestration.reporting import report_parameters
    from orchestration.schedule import artifact_names, pipeline_nodes
    from orchestration.spending import comparison, counted_artifacts, recorded, spending
    from orchestration.staleness import MOST_WHY, Staleness

    graph = _graph(profile)
    prepare()
    store = profile_store(profile.name)
    unrecorded = 0
    table = Table("asset", "fresh", "stale", "missing", "why", box=None, pad_edge=False)
    with dg.DagsterInstance.get() as instance:
        if not run_in_progress():
            report_parameters(instance, Pipeline(profile))
        staleness = Staleness(instance, graph)
        for name in artifact_names(graph):
            nodes = pipeline_nodes(graph, [name])
            standings = [standing_of(node, staleness, store, verify) for node in nodes]
            made = [node for node, standing in zip(nodes, standings, strict=True) if standing.state == "fresh"]
            unrecorded += sum(not is_recorded(node, store) for node in made)
            counts = [sum(s.state == state for s in standings) for state in ("fresh", "stale", "missing")]
            why = list(dict.fromkeys(s.why for s in standings if s.state == "stale"))
            more = f" and {len(why) - MOST_WHY} more" if len(why) > MOST_WHY else ""
            shown = Text("; ".join(why[:MOST_WHY]) + more)
            table.add_row(name, *(str(count) if count else "" for count in counts), shown)
        spent = {
            name: spending([recorded(instance, node) for node in pipeline_nodes(graph, [name])], names)
            for name, names in counted_artifacts().items()
            if name in artifact_names(graph)
        }
    console = Console()
    console.print(f"profile {profile.name}", highlight=False)
    console.print(table, highlight=False)
    if unrecorded and not verify:
        console.print(
            f"{unrecorded} partition(s) are of a release that did not record its files: that they are there is all "
            "that was looked at; genprm status --verify reads them",
            highlight=False,
        )
    if any(one.made for one in spent.values()):
        plan = read_plan(profile)
        if plan is None:
            plan = plan_from_assumptions(profile, Assumptions())
            save_plan(profile, plan)
        console.print()
        console.print(comparison(spent, plan.rows, plan.source), highlight=False)
