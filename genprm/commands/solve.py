"""`genprm solve`: search for solutions with a policy, guided by a judge."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genprm.commands.machine import JudgingOptions, load_verifier
from genprm.commands.options import takes

if TYPE_CHECKING:
    from genprm.search.base import SearchResult

_BUDGET = re.compile(r"(\d+(?:\.\d+)?)([km]?)", re.IGNORECASE)
_FACTORS = {"": 1, "k": 1_000, "m": 1_000_000}


@dataclass(frozen=True, kw_only=True)
class SolveOptions(JudgingOptions):
    """Options of `genprm solve`."""

    file: Annotated[str, typer.Argument(help='JSON lines {"problem"}, or a JSON array; - is standard input.')] = "-"
    policy: Annotated[str, typer.Option(help="Who writes the steps: directory, hub id or miniature/NAME.")] = (
        "miniature/policy"
    )
    search: Annotated[str, typer.Option(help="The method: beam, dvts, particles, best-of-n, ...")] = "beam"
    budget: Annotated[str, typer.Option(help="Tokens of policy and judge per problem, e.g. 20000 or 20k.")] = "20k"
    seed: Annotated[int, typer.Option(help="Which samples are drawn.")] = 0
    journal: Annotated[
        Path | None,
        typer.Option(help="Keep every step in this file; after a kill, the same command goes on from there."),
    ] = None


@takes(SolveOptions)
def solve(options: SolveOptions) -> None:
    """Search for solutions, step by step, guided by a reward model."""
    from genprm.commands.progress import progress_bar
    from genprm.commands.reading import read_objects
    from genprm.data_sets.rows import text_field
    from genprm.prm import check_votes
    from genprm.search.base import known_method
    from genprm.search.solving import SearchPlan
    from genprm.search.solving import solve as solve_problems

    known_method(options.search)
    budget = read_budget(options.budget)
    votes = check_votes(options.votes)
    mode = options.known_mode()
    machine = options.machine()
    rows = read_objects(options.file)
    problems = [text_field(row, "problem", where) for where, row in rows]
    with load_verifier(options, machine, mode) as prm, progress_bar("solved", len(rows)) as bar:
        plan = SearchPlan(
            method=options.search, budget=budget, votes=votes, seed=options.seed, journal=options.journal
        )
        results = solve_problems(problems, prm, plan, options.policy, machine.engine, bar)
    for (_, row), result in zip(rows, results, strict=True):
        print(json.dumps(_json(row, result)) if options.as_json else _text(row, result))


def read_budget(text: str) -> int:
    """Tokens from `20000`, `20k` or `1.5m`.

    Raises:
        InputError: not such a number, or below 1.

    >>> read_budget("20k"), read_budget("1.5m")
    (20000, 1500000)
    """
    from genprm.data_sets.rows import InputError

    found = _BUDGET.fullmatch(text.strip())
    tokens = int(float(found[1]) * _FACTORS[found[2].lower()]) if found else 0
    if tokens < 1:
        raise InputError(f"budget is {text!r}, allowed: a number of tokens from 1, e.g. 20000 or 20k")
    return tokens


def _json(row: dict[str, Any], result: SearchResult) -> dict[str, Any]:
    return {
        **{name: row[name] for name in ("id",) if name in row},
        "chosen": None if result.chosen is None else dataclasses.asdict(result.chosen),
        "candidates": [dataclasses.asdict(candidate) for candidate in result.candidates],
        **dataclasses.asdict(result.spending),
        "tokens": result.spending.total,
        "rounds": result.rounds,
    }


def _text(row: dict[str, Any], result: SearchResult) -> str:
    spent = result.spending
    cost = (
        f"{len(result.candidates)} solutions, {spent.total} tokens "
        f"(policy {spent.policy_tokens}, judge {spent.judge_tokens} written and {spent.judge_prompt_tokens} read)"
    )
    if result.chosen is None:
        return f"{row['problem'].strip()}\n  no solution was finished on this budget; {cost}\n"
    steps = "\n".join(f"  {step}" for step in result.chosen.steps)
    return f"{row['problem'].strip()}\n{steps}\n  answer {result.chosen.answer}; {cost}\n"
