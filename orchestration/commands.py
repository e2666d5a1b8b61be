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
    from orchestration.survey import Survey

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
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, a state for each partition.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be made and why, with old and new values; make nothing.")
]


def run(
    profile: ProfileOption = None,
    set_: SetOption = None,
    select: SelectOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Materialize what is missing or stale, then show the result table."""
    _start(read_profile(profile, set_), select or [], only_again=False, dry_run=dry_run)


def refresh(
    profile: ProfileOption = None,
    set_: SetOption = None,
    select: SelectOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Materialize what is stale. What was never made is left alone, and so is what is made from it."""
    _start(read_profile(profile, set_), select or [], only_again=True, dry_run=dry_run)


def recover(profile: ProfileOption = None) -> None:
    """Close what a killed process left open: runs in Dagster, and their places in its pools; runs in MLflow."""
    import dagster as dg

    from orchestration.home import prepare
    from orchestration.lock import AnotherRun, run_lock
    from orchestration.recovery import close_dead_runs, close_runs, close_tracked, made_by

    chosen = read_profile(profile, None)
    prepare()
    with dg.DagsterInstance.get() as instance:
        try:
            with run_lock():
                closed = close_runs(instance, chosen)
        except AnotherRun:
            print("a genprm run is in progress here: what it does is left alone")
            closed = []
        closed += close_dead_runs(instance, chosen)
        tracked = close_tracked(instance, chosen)
    for run in closed:
        partition = run.tags.get("dagster/partition", "")
        print(f"closed run {run.run_id[:8]}: {made_by(run)} {partition}".rstrip())
    if tracked:
        print(f"closed {tracked} more run(s) in MLflow")
    if closed or tracked:
        print("what they had finished is kept: genprm run, or a backfill in the UI, goes on from there")
    else:
        print("nothing was left open")


def status(
    profile: ProfileOption = None, set_: SetOption = None, verify: VerifyOption = False, json: JsonOption = False
) -> None:
    """Show which partitions are fresh, stale or missing, and why; and what was spent, beside the plan.

    With --json the exit status is 0 when everything is fresh, and 1 otherwise.
    """
    import dagster as dg

    from orchestration.home import prepare

    chosen = read_profile(profile, set_)
    graph = _graph(chosen)
    prepare()
    with dg.DagsterInstance.get() as instance:
        found = _survey(chosen, graph, instance, verify)
        if json:
            _print_json(chosen, found)
            raise typer.Exit(1 if found.late else 0)
        _show_status(chosen, graph, instance, found, verify)


def refuse(message: str) -> typer.Exit:
    """Print in one line what is wrong, and return the exit (status 2) for the caller to raise."""
    print(f"genprm: {message}", file=sys.stderr)
    return typer.Exit(2)


def read_profile(name: str | None, overrides: list[str] | None) -> Profile:
    """The profile that a command was given; an invalid one ends the command with status 2 and one line."""
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


def _start(profile: Profile, select: list[str], only_again: bool, dry_run: bool) -> None:
    from orchestration.home import prepare
    from orchestration.schedule import artifact_names

    graph = _graph(profile)
    known = artifact_names(graph)
    unknown = [name for name in select if name not in known]
    if unknown:
        raise refuse(f"--select {unknown[0]!r} is not an asset, allowed: {', '.join(known)}")
    prepare()
    if dry_run:
        _foretell(profile, graph, select, only_again)
        return
    with _interruptible():
        raise typer.Exit(_materialize(profile, graph, select, only_again))


def _foretell(profile: Profile, graph: Any, select: list[str], only_again: bool) -> None:
    import dagster as dg

    from orchestration.schedule import made_before, pipeline_nodes
    from orchestration.staleness import Staleness
    from orchestration.standing import foretold

    with dg.DagsterInstance.get() as instance:
        found = _survey(profile, graph, instance)
        nodes = pipeline_nodes(graph, select or None)
        if only_again:
            nodes, _ = made_before(nodes, Staleness(instance, graph), graph)
        print("\n".join(foretold(found, nodes)))


def _survey(profile: Profile, graph: Any, instance: Any, verify: bool = False) -> Survey:
    """Survey all partitions. The profile's values are reported first, unless a run in progress reports its own."""
    from assets.partitions import Pipeline
    from genprm.store import profile_store
    from orchestration.lock import run_in_progress
    from orchestration.reporting import report_parameters
    from orchestration.survey import survey

    if not run_in_progress():
        report_parameters(instance, Pipeline(profile))
    return survey(instance, graph, profile_store(profile.name), verify)


def _print_json(profile: Profile, found: Survey) -> None:
    import json

    from orchestration.standing import standing_json

    print(json.dumps(standing_json(profile.name, found), indent=1))


def _materialize(profile: Profile, graph: Any, select: list[str], only_again: bool) -> int:
    import dagster as dg
    from rich.console import Console

    from orchestration.display import display_for
    from orchestration.lock import AnotherRun, run_lock
    from orchestration.materialize import Choice, MissingInput, materialize
    from orchestration.runner import DEFINITIONS

    choice, console = Choice(select, only_again), Console()
    try:
        with run_lock(), dg.DagsterInstance.get() as instance:
            nodes, summary = materialize(profile, graph, instance, choice, display_for(console), DEFINITIONS)
    except MissingInput as error:
        raise refuse(f"--select {error}") from None
    except AnotherRun as error:
        raise refuse(str(error)) from None
    console.print(summary.line)
    if summary.failed:
        return 1
    if any(node.asset in ("leaderboard", "report") for node in nodes):
        _show_results(profile, console)
    return 0


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


def _show_status(profile: Profile, graph: Any, instance: Any, found: Survey, verify: bool) -> None:
    from rich.console import Console

    from genprm.planning.assumptions import Assumptions
    from genprm.planning.saved import plan_from_assumptions, read_plan, save_plan
    from genprm.store import profile_store
    from orchestration.damage import is_recorded
    from orchestration.schedule import artifact_names, pipeline_nodes
    from orchestration.spending import comparison, counted_artifacts, recorded, spending
    from orchestration.standing import standing_table

    store = profile_store(profile.name)
    fresh = [node for node, standing in found.standings.items() if standing.state == "fresh"]
    unrecorded = sum(not is_recorded(node, store) for node in fresh)
    spent = {
        name: spending([recorded(instance, node) for node in pipeline_nodes(graph, [name])], names)
        for name, names in counted_artifacts().items()
        if name in artifact_names(graph)
    }
    console = Console()
    console.print(f"profile {profile.name}", highlight=False)
    console.print(standing_table(found), highlight=False)
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
