"""`genprm evaluate`: a model on a public benchmark."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genprm.commands.machine import AS_TRAINED, MODES, Changes, Engine, load_verifier, read_machine

if TYPE_CHECKING:
    from pathlib import Path

    from genprm.records import Prediction

app = typer.Typer(help="Measure a model on a public benchmark.", no_args_is_help=True)


@app.callback()
def evaluate() -> None:
    """Measure a model on a public benchmark."""


@app.command()
def processbench(
    model: Annotated[
        str | None,
        typer.Option(
            help="Directory, hub id or miniature/NAME.", show_default="the newest trained here, else shipped"
        ),
    ] = None,
    subset: Annotated[
        list[str] | None,
        typer.Option(help="gsm8k, math, olympiadbench or omnimath; repeatable.", show_default="all"),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Directory with processbench/SUBSET.json, or hub.", show_default="GENPRM_DATA_DIR"),
    ] = None,
    votes: Annotated[int, typer.Option(help="Verification paths per case.")] = 1,
    limit: Annotated[
        int | None, typer.Option(help="Cases per subset, chosen by hash of their id; all when not given.")
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            help=f"{MODES}; judge: any model criticises whole solutions.",
            show_default=AS_TRAINED,
        ),
    ] = None,
    engine: Engine = "transformers",
    changes: Changes = None,
    system_file: Annotated[
        str | None, typer.Option(help="File with the system message.", show_default="the model's own")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:
    """First wrong steps on ProcessBench: accuracies, F1 with intervals, and the predictions as files."""
    from genprm.commands.baselines import JUDGE, TUNED_ON, open_baseline
    from genprm.commands.models import default_model
    from genprm.commands.progress import progress_bar
    from genprm.commands.score import show_score
    from genprm.data_sets.processbench import SUBSETS, load_subset
    from genprm.data_sets.rows import InputError
    from genprm.data_sets.sources import data_directory
    from genprm.data_sets.subsample import subsample
    from genprm.evaluation.metrics import report_json, score, single_paths, voted
    from genprm.prm import check_mode, check_votes
    from genprm.verification.published import read_system

    check_votes(votes)
    chosen = None if mode in (None, JUDGE) else check_mode(mode, [JUDGE])
    machine = read_machine(engine, changes)
    if limit is not None and limit < 1:
        raise InputError(f"--limit is {limit}, allowed: a whole number from 1")
    system = None if system_file is None else read_system(system_file)
    directory = data_directory(data)
    cases = [case for name in subset or SUBSETS for case in subsample(load_subset(name, directory), limit)]
    name = model or default_model()
    baseline = open_baseline(name, mode, machine[0], votes)
    threshold = None
    read_from: dict[str, Any] = {}
    if baseline is None:
        prm = load_verifier(name, machine, chosen, system)
        with prm, progress_bar("judged", len(cases)) as bar:
            predictions = prm.evaluate(cases, votes, progress=bar)
            asked: str = prm.mode
            read_from = {"reading": dataclasses.asdict(prm.reading())}
    else:
        tuning = [] if baseline.threshold is not None else subsample(load_subset(TUNED_ON, directory), limit)
        scored = {(case.subset, case.id) for case in (*cases, *tuning)}
        with progress_bar("judged", len(scored)) as bar:
            predictions, threshold = baseline.evaluate(cases, tuning, bar)
        asked = baseline.label
    result = score(voted(predictions))
    report = {**report_json(result), **read_from}
    saved = _save(predictions, _folder(name, asked, votes, limit, subset), report)
    if as_json:
        print(json.dumps({**report, "predictions": str(saved)}, indent=1))
        return
    if votes > 1:
        show_score(score(single_paths(predictions)), f"{name}, mode {asked}, Pass@1 (mean of {votes} paths)")
    show_score(result, f"{name}, mode {asked}, " + (f"Maj@{votes}" if votes > 1 else "Pass@1"))
    if threshold is not None:
        print(f"threshold: {threshold:.4g}" + (f" (tuned on {len(tuning)} cases of {TUNED_ON})" if tuning else ""))
    print(f"predictions: {saved}")


def _folder(model: str, mode: str, votes: int, limit: int | None, subsets: list[str] | None) -> Path:
    from genprm.commands.models import model_label
    from genprm.settings import home

    parts = [model_label(model), mode, f"maj{votes}", *(subsets or []), *([f"limit{limit}"] if limit else [])]
    return home() / "evaluations" / "processbench" / ".".join(parts)


def _save(predictions: list[Prediction], folder: Path, report: dict[str, object]) -> Path:
    """Predictions as Parquet and as JSON lines (which `genprm score` reads), and the report."""
    from genprm.files import write_text
    from genprm.records import Prediction
    from genprm.tables import write_rows

    write_rows(Prediction, predictions, folder / "predictions.parquet")
    lines = "".join(json.dumps(dataclasses.asdict(row)) + "\n" for row in predictions)
    path = folder / "predictions.jsonl"
    write_text(path, lines)
    write_text(folder / "report.json", json.dumps(report, indent=1) + "\n")
    return path
