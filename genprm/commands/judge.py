"""`genprm judge`: rewards and reasons for the steps of solutions."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genprm.commands.machine import JudgingOptions, SplitOption, load_verifier, splitter_named
from genprm.commands.options import takes
from genprm.splitting.free_text import AUTO, GIVEN

if TYPE_CHECKING:
    from rich.console import Console

    from genprm.data_sets.written_solutions import WrittenSolution
    from genprm.records import StepVerification, Verification
    from genprm.verification.voting import Result

    _Judged = tuple[dict[str, Any], WrittenSolution, Result]

NOT_JUDGED = 3
"""Exit status where a step of some solution was not judged."""


@dataclass(frozen=True, kw_only=True)
class JudgeOptions(JudgingOptions):
    """Options of `genprm judge`."""

    file: Annotated[
        str,
        typer.Argument(
            help='JSON lines {"problem", "steps"}, {"problem", "solution"} or {"messages"}, or a JSON array of '
            "them; - is standard input."
        ),
    ] = "-"
    split: SplitOption = AUTO
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page on which the transcripts can be read, too.")
    ] = None


@takes(JudgeOptions)
def judge(options: JudgeOptions) -> None:
    """Judge every step of solutions: reward, verdict, and the reasons for it.

    Each solution is printed as soon as it and all before it are judged. Exit status 3 says that a step was not
    judged: no verdict could be read, or the context had no room for it.
    """
    from genprm.commands.models import warn_of_other_worlds
    from genprm.commands.progress import progress_bar
    from genprm.commands.reading import read_objects
    from genprm.commands.writing import check_output
    from genprm.data_sets.written_solutions import read_solution
    from genprm.prm import check_votes

    check_votes(options.votes)
    if options.html is not None:
        check_output(options.html)
    chosen = options.known_mode()
    machine, how = options.machine(), splitter_named(options.split)
    rows = read_objects(options.file)
    solutions = [read_solution(row, where, how) for where, row in rows]
    prm = load_verifier(options, machine, chosen)
    judged: list[_Judged] = []
    with prm, progress_bar("judged", len(rows)) as bar:
        warn_of_other_worlds(options.model_name(), [solution.problem for solution in solutions])
        finished = prm.score_each([(one.problem, one.steps) for one in solutions], options.votes)
        for index, result in _in_order(finished, bar):
            judged.append((rows[index][1], solutions[index], result))
            with bar.away():
                _print(judged[-1], options.as_json)
    if options.html is not None:
        _write_page(options.html, judged, options.model_name())
    if any(result.unjudged for _, _, result in judged):
        raise typer.Exit(NOT_JUDGED)


def _in_order(
    finished: Iterable[tuple[int, Result]], progress: Callable[[int], None]
) -> Iterator[tuple[int, Result]]:
    """Yield each result as soon as all before it are there; before an error is raised, also the results that still
    wait."""
    waiting: dict[int, Result] = {}
    following = 0
    try:
        for index, result in finished:
            progress(1)
            waiting[index] = result
            while following in waiting:
                yield following, waiting.pop(following)
                following += 1
    except (Exception, KeyboardInterrupt):
        yield from sorted(waiting.items())
        raise


def _print(judged: _Judged, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_json(*judged)), flush=True)
        return
    from rich.console import Console

    _show(Console(highlight=False, soft_wrap=True), *judged)


def _write_page(page: Path, judged: Sequence[_Judged], model: str) -> None:
    from genprm.commands.writing import write_output
    from genprm.view.page import render
    from genprm.view.transcripts import from_result

    cases = [
        from_result({**row, "problem": one.problem, "steps": one.steps}, result, model)
        for row, one, result in judged
    ]
    write_output(page, render(cases, f"Verifications of {model}"))


PASSED_ON = ("id", "subset", "label")
"""Fields of a row that are copied to its result, so that `genprm score` can read the results."""


def _json(row: dict[str, Any], solution: WrittenSolution, result: Result) -> dict[str, Any]:
    """`rationale` is that of the first path; all of them are under `paths` when there are several."""
    paths = [_path(path) for path in result.paths]
    return {
        **{name: row[name] for name in PASSED_ON if name in row and _in_json(row[name])},
        "problem": solution.problem,
        "rewards": result.rewards,
        **({} if result.calibrated is None else {"calibrated": result.calibrated}),
        "first_error": result.first_error,
        "unjudged": result.unjudged,
        "steps": solution.steps,
        "split": solution.split.how,
        "rationale": paths[0]["rationale"],
        "tokens": result.tokens,
        "prompt_tokens": result.prompt_tokens,
        "mode": result.mode,
        "votes": len(paths),
        "reading": dataclasses.asdict(result.reading),
        **({"paths": paths} if len(paths) > 1 else {}),
    }


def _in_json(value: Any) -> bool:
    """Whether JSON can hold the value; it has no NaN or infinity."""
    return not isinstance(value, float) or math.isfinite(value)


def _path(path: Verification) -> dict[str, Any]:
    from genprm.verification.repetition import repeats_itself
    from genprm.view.transcripts import judged_step

    return {
        "rewards": [step.reward for step in path.steps],
        "rationale": [
            {**judged_step(step), "tokens": step.tokens, "repeats": repeats_itself(step.analysis)}
            for step in path.steps
        ],
    }


def _show(console: Console, row: dict[str, Any], solution: WrittenSolution, result: Result) -> None:
    from rich.text import Text

    name = "" if row.get("id") is None else f"{row['id']}: "
    console.print(Text(name + solution.problem.strip(), "bold"))
    votes = f", {len(result.paths)} paths" if len(result.paths) > 1 else ""
    console.print(f"{_headline(result)} [dim](mode {result.mode}{votes}, {result.tokens} tokens)[/]")
    if solution.split.how != GIVEN:
        console.print(Text(f"split into {len(solution.steps)} steps by {solution.split.how}", "dim"))
    for index, (step, reward) in enumerate(zip(solution.steps, result.rewards, strict=True)):
        judged = index not in result.unjudged
        verdict = Text.from_markup(f"\n  {_verdict(reward, not judged)}  [bold]{index + 1}.[/] ")
        console.print(verdict + Text(step.strip()))
        if result.calibrated is not None and judged:
            console.print(f"      [dim]{'calibrated':16} {result.calibrated[index]:.3f}[/]")
        shown = min(result.paths, key=lambda path: abs(path.steps[index].reward - reward))
        if len(result.paths) > 1:
            each = " ".join(f"{path.steps[index].reward:.2f}" for path in result.paths)
            console.print(f"      [dim]{'paths':16} {each}; the reasons are those of path {shown.path + 1}[/]")
        _reasons(console, shown.steps[index])
    console.print()


def _headline(result: Result) -> str:
    """What the rewards say about the solution. If a step was not judged, it does not say that no step is wrong."""
    from genprm.records import NO_ERROR

    wrong, unjudged = result.first_error, result.unjudged
    if wrong == NO_ERROR:
        return "[green]no step is wrong[/]"
    counted = f"step {_numbers(unjudged)} was" if len(unjudged) == 1 else f"steps {_numbers(unjudged)} were"
    warning = f"[yellow]{counted} not judged[/]" if unjudged else ""
    if wrong is None:
        return warning
    return f"[red]step {wrong + 1} is the first wrong one[/]" + (f", {warning}" if unjudged else "")


def _numbers(indices: Sequence[int]) -> str:
    """Numbers of steps from 0-based ascending indices; three or more in a row become a range.

    >>> _numbers([0, 2, 3, 4, 7, 8])
    '1, 3 to 5, 8, 9'
    """
    runs: list[list[int]] = []
    for index in indices:
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    parts = [
        f"{run[0] + 1} to {run[-1] + 1}" if len(run) > 2 else ", ".join(str(i + 1) for i in run) for run in runs
    ]
    return ", ".join(parts)


def _verdict(reward: float, unjudged: bool) -> str:
    if unjudged:
        return "[bold yellow]?[/]   -    "
    colour, verdict = ("green", "Yes") if reward >= 0.5 else ("red", "No")
    return f"[bold {colour}]{verdict:3}[/] {reward:.3f}"


def _reasons(console: Console, step: StepVerification) -> None:
    from rich.text import Text

    from genprm.verification.repetition import repeats_itself

    status = ", ".join(status for status in step.executions if status != "ok")
    parts = {
        "analysis": step.analysis,
        "code": step.code,
        f"output ({status})" if status else "output": step.output,
    }
    for name, text in parts.items():
        lines = text.strip().splitlines()
        for number, line in enumerate(lines):
            label = f"      {name if number == 0 else '':16} "
            console.print(Text.assemble((label, "dim"), line))
    if step.verdict == "none" and step.tokens == 0:
        console.print("      [yellow]not judged: the context has no room for it[/]")
    elif step.verdict == "none":
        console.print("      [yellow]not judged: no verdict could be read[/]")
    elif step.forced and repeats_itself(step.analysis):
        console.print("      [yellow]no verdict by itself: the analysis repeats itself, and it was asked for[/]")
    elif step.forced:
        console.print("      [yellow]no verdict by itself: rounds or tokens ran out, and it was asked for[/]")
