"""`genprm bench`: measure speed and cost on this machine, as ratios within one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genprm.commands.machine import MachineOptions, Mode
from genprm.commands.options import takes

if TYPE_CHECKING:
    from genprm.monte_carlo.simulated import KnownSolution

AsJson = Annotated[bool, typer.Option("--json", help="The table as JSON.")]

app = typer.Typer(help="Measure speed and cost on this machine, as ratios within one run.", no_args_is_help=True)


@dataclass(frozen=True, kw_only=True)
class MonteCarloOptions:
    """Options of `genprm bench monte-carlo`."""

    scores: Annotated[
        str | None,
        typer.Option(
            help='JSON lines {"pass_at_1", "mc": [per step]} taken for the true shares; - is standard input.'
        ),
    ] = None
    solutions: Annotated[int, typer.Option(min=1, help="Simulated solutions.")] = 400
    strength: Annotated[float, typer.Option(help="Log-odds of the completion model above the policy's.")] = 2.5
    recovery: Annotated[float, typer.Option(min=0, max=0.95, help="Part of the share that an error leaves.")] = 0.1
    epsilon: Annotated[float, typer.Option(min=0.01, max=10, help="Threshold of relative progress.")] = 0.8
    seed: Annotated[int, typer.Option(help="Of the solutions and of the rollouts.")] = 0
    labels: Annotated[
        bool, typer.Option("--labels", help="Map F1 of the label estimators over K, strength and recovery instead.")
    ] = False
    plot: Annotated[Path | None, typer.Option(help="Write the curve (or the map) as PNG.")] = None
    as_json: AsJson = False

    def known(self) -> tuple[str, list[KnownSolution]]:
        """A title for the solutions, and the solutions, whose true shares are known."""
        import numpy as np

        from genprm.commands.reading import read_objects
        from genprm.monte_carlo.simulated import StepProcess, known_solutions

        if self.scores is not None:
            return f"scores of {self.scores}", known_solutions(read_objects(self.scores))
        title = f"simulated solutions, strength {self.strength:g}, recovery {self.recovery:g}"
        process = StepProcess(self.strength, self.recovery)
        return title, process.draw(np.random.default_rng(self.seed), self.solutions)


@app.command("monte-carlo")
@takes(MonteCarloOptions)
def monte_carlo(options: MonteCarloOptions) -> None:
    """Labels and rollouts of fixed K and of sequential estimation, on solutions whose shares are known."""
    from genprm.commands.writing import check_output

    if options.plot is not None:
        check_output(options.plot)
    if options.labels:
        _map_labels(options)
        return
    from genprm.speed.monte_carlo import NOTES, compare, compared, draw_curve, table
    from genprm.speed.tables import show

    title, known = options.known()
    rows = table(compare(known, compared(options.epsilon), options.epsilon, options.seed))
    if options.plot is not None:
        draw_curve({title: rows}, options.plot)
    show(f"Monte-Carlo estimation, {title}", rows, options.as_json, NOTES)


def _map_labels(options: MonteCarloOptions) -> None:
    from genprm.speed.label_map import NOTES, draw_map, label_map
    from genprm.speed.tables import show

    rows = label_map(options.solutions, options.seed)
    if options.plot is not None:
        draw_map(rows, options.plot)
    show("Label estimators", rows, options.as_json, NOTES)


@app.command()
def sandbox(
    steps: Annotated[int, typer.Option(min=20, help="Typical scripts; ten times as many trivial ones.")] = 400,
    level: Annotated[
        list[int] | None,
        typer.Option(min=0, max=3, help="Isolation level; repeatable.", show_default="the best this machine has"),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Blocks that run at the same time.")] = 2,
    soak: Annotated[
        int, typer.Option(min=0, help="Instead: so many executions, one in a hundred hostile, each result checked.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Blocks per second, latency and processor time of the sandbox, and of ways that isolate less."""
    from genprm.settings import SandboxSettings
    from genprm.speed.sandbox import compare, notes, rows
    from genprm.speed.tables import show

    levels: Sequence[int | None] = level or [None]
    if soak:
        _soak(levels, soak, workers, as_json)
        return
    comparison = compare(SandboxSettings(workers=workers), levels, steps)
    show("Sandbox", rows(comparison), as_json, notes(steps))


def _soak(levels: Sequence[int | None], executions: int, workers: int, as_json: bool) -> None:
    """Soak the sandbox at each level, and exit with status 1 if a result was wrong or a process was left."""
    import asyncio

    from genprm.settings import SandboxSettings
    from genprm.speed import soak
    from genprm.speed.tables import show

    asked = [SandboxSettings(level=level, seconds=1.0, memory_mb=256, workers=workers) for level in levels]
    done = [asyncio.run(soak.soak(settings, executions)) for settings in asked]
    show(
        "Sandbox, with hostile scripts",
        [soak.row(each) for each in done],
        as_json,
        [w for d in done for w in d.wrong],
    )
    if any(each.wrong or each.processes_left for each in done):
        raise typer.Exit(1)


@dataclass(frozen=True, kw_only=True)
class VerifierOptions(MachineOptions):
    """Options of `genprm bench verifier`."""

    model: Annotated[str, typer.Option(help="Directory, hub id or miniature/NAME.")] = "miniature/rationale"
    solutions: Annotated[int, typer.Option(min=1, help="Solutions to judge.")] = 64
    votes: Annotated[int, typer.Option(min=1, help="Verification paths per solution.")] = 4
    sample: Annotated[int, typer.Option(min=1, help="Solutions that are judged one request at a time.")] = 4
    mode: Mode = None
    as_json: AsJson = False


@app.command()
@takes(VerifierOptions)
def verifier(options: VerifierOptions) -> None:
    """Steps per second one request at a time, in rounds, asynchronously; and what the engine could do."""
    from genprm.prm import check_mode
    from genprm.speed.tables import show
    from genprm.speed.verifier import measure

    chosen = None if options.mode is None else check_mode(options.mode)
    work = (options.solutions, options.votes, options.sample)
    title, rows, notes = measure(options.model, options.machine(), *work, chosen)
    show(title, rows, options.as_json, notes)


@dataclass(frozen=True, kw_only=True)
class SearchOptions(MachineOptions):
    """Options of `genprm bench search`."""

    policy: Annotated[str, typer.Option(help="Who writes the steps: directory, hub id or miniature/NAME.")] = (
        "miniature/policy"
    )
    model: Annotated[str, typer.Option(help="Who judges them: directory, hub id or miniature/NAME.")] = (
        "miniature/rationale"
    )
    search: Annotated[str, typer.Option(help="The method: beam, dvts, particles, best-of-n, ...")] = "beam"
    problems: Annotated[int, typer.Option(min=1, help="Problems that are searched at once.")] = 32
    width: Annotated[int, typer.Option(min=1, help="Partial solutions kept at a time.")] = 8
    children: Annotated[int, typer.Option(min=1, help="Next steps sampled for each of them.")] = 4
    mode: Mode = None
    as_json: AsJson = False


@app.command()
@takes(SearchOptions)
def search(options: SearchOptions) -> None:
    """How much of the engines' speed a search reaches, and what its judge reads besides the new step."""
    from genprm.prm import check_mode
    from genprm.search.base import known_method
    from genprm.settings import SearchSettings
    from genprm.speed.search import measure
    from genprm.speed.tables import show

    known_method(options.search)
    chosen = None if options.mode is None else check_mode(options.mode)
    settings = SearchSettings(width=options.width, children=options.children)
    work = (options.problems, options.search, settings)
    title, rows, notes = measure((options.policy, options.model), options.machine(), work, chosen)
    show(title, rows, options.as_json, notes)


@dataclass(frozen=True, kw_only=True)
class ServerOptions(MachineOptions):
    """Options of `genprm bench server`."""

    model: Annotated[str, typer.Option(help="Directory, hub id or miniature/NAME.")] = "miniature/rationale"
    clients: Annotated[int, typer.Option(min=1, help="Clients that ask at the same time.")] = 64
    seconds: Annotated[float, typer.Option(min=1, help="How long they ask, each way.")] = 30.0
    as_json: AsJson = False


@app.command()
@takes(ServerOptions)
def server(options: ServerOptions) -> None:
    """Steps per second for clients that ask for one solution at a time: over HTTP, and without a server."""
    from genprm.commands.reward_model import open_model
    from genprm.reward_models.base import Asking
    from genprm.speed.server import measure
    from genprm.speed.tables import show

    machine = options.machine()
    opened = open_model(options.model, machine, Asking(texts=True))
    title, rows, notes = measure(
        options.model, (opened.model, opened.machine), machine.engine, options.clients, options.seconds
    )
    show(title, rows, options.as_json, notes)


@app.command()
def rollouts(
    problems: Annotated[int, typer.Option(min=1, help="Problems that are sampled and rolled out.")] = 48,
    profile: Annotated[str | None, typer.Option(help="A shipped profile or a YAML file.")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="section.key=value over the profile, e.g. engine.backend=vllm; repeatable."),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Directory with math-train, or hub.", show_default="GENPRM_DATA_DIR")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tokens per second while solutions are sampled and rolled out; and what the engine could do."""
    from genprm.data_sets.problems import load_problems
    from genprm.data_sets.sources import data_directory
    from genprm.planning.pilot import spread
    from genprm.profiles import load_profile
    from genprm.speed.rollouts import measure
    from genprm.speed.tables import show

    chosen = load_profile(profile, changes or ())
    title, rows, notes = measure(chosen, spread(load_problems(chosen.problems, data_directory(data)), problems))
    show(title, rows, as_json, notes)
