"""`genprm evaluate`: a model on a public benchmark."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genprm.commands.machine import AS_TRAINED, MODEL, MODES, JudgingOptions
from genprm.commands.options import takes

if TYPE_CHECKING:
    from pathlib import Path

    from genprm.records import BenchmarkCase, Prediction
    from genprm.reward_models.base import RewardModel, VerdictCounts

app = typer.Typer(help="Measure a model on a public benchmark.", no_args_is_help=True)


@app.callback()
def evaluate() -> None:
    """Measure a model on a public benchmark."""


@dataclass(frozen=True, kw_only=True)
class ProcessBenchOptions(JudgingOptions):
    """What `genprm evaluate processbench` is told."""

    subset: Annotated[
        list[str] | None,
        typer.Option(help="gsm8k, math, olympiadbench or omnimath; repeatable.", show_default="all"),
    ] = None
    data: Annotated[
        str | None,
        typer.Option(help="Directory with processbench/SUBSET.json, or hub.", show_default="GENPRM_DATA_DIR"),
    ] = None
    limit: Annotated[
        int | None, typer.Option(help="Cases per subset, chosen by hash of their id; all when not given.")
    ] = None
    mode: Annotated[
        str | None,
        typer.Option(
            help=f"{MODES}; judge: any model criticises whole solutions.",
            show_default=AS_TRAINED,
        ),
    ] = None

    def folder(self, mode: str) -> Path:
        """Where the predictions of a model that judged in `mode` are kept."""
        from genprm.commands.models import model_label
        from genprm.settings import home

        size = [f"limit{self.limit}"] if self.limit else []
        changes = [model_label(change.removeprefix(MODEL)) for change in self.model_changes()]
        asked = [f"maj{self.votes}", *([self.preset] if self.preset else []), *changes]
        parts = [model_label(self.model_name()), mode, *asked, *(self.subset or []), *size]
        return home() / "evaluations" / "processbench" / ".".join(parts)


@app.command()
@takes(ProcessBenchOptions)
def processbench(options: ProcessBenchOptions) -> None:
    """First wrong steps on ProcessBench: accuracies, F1 with intervals, and the predictions as files."""
    from genprm.commands.progress import progress_bar
    from genprm.commands.reward_model import TUNED_ON, open_model
    from genprm.data_sets.rows import InputError
    from genprm.data_sets.sources import data_directory
    from genprm.prm import check_mode, check_votes
    from genprm.reward_models.base import Asking
    from genprm.reward_models.judge import JUDGE
    from genprm.verification.rewards import THRESHOLD

    chosen = None if options.mode in (None, JUDGE) else check_mode(options.mode, [JUDGE])
    machine, limit = options.machine(), options.limit
    if limit is not None and limit < 1:
        raise InputError(f"--limit is {limit}, allowed: a whole number from 1")
    ways: dict[str, Any] = {"preset": options.known_preset(), "changes": options.model_changes()}
    asking = Asking(check_votes(options.votes), chosen, system=options.system(), until=THRESHOLD, **ways)
    directory = data_directory(options.data)
    cases = _cases(options.subset, directory, limit)
    name = options.model_name()
    opened = open_model(name, machine, asking, as_judge=options.mode == JUDGE)
    tuning = [] if opened.threshold is not None else _cases([TUNED_ON], directory, limit)
    with progress_bar("judged", len({(case.subset, case.id) for case in (*cases, *tuning)})) as bar:
        predictions, threshold = opened.evaluate(cases, tuning, bar)
    report = _report(predictions, opened.model)
    saved = _save(predictions, options.folder(opened.label), report)
    if options.as_json:
        print(json.dumps({**report, "predictions": str(saved)}, indent=1))
        return
    counts = opened.model.verdict_counts()
    _show(predictions, f"{name}, mode {opened.label}{_doubts(counts)}", options.votes)
    if counts is not None:
        print(_verdicts(counts))
    if opened.model.reading() is None:
        print(f"threshold: {threshold:.4g}" + (f" (tuned on {len(tuning)} cases of {TUNED_ON})" if tuning else ""))
    print(f"predictions: {saved}")


def _cases(subsets: list[str] | None, directory: Path | None, limit: int | None) -> list[BenchmarkCase]:
    from genprm.data_sets.processbench import SUBSETS, load_subset
    from genprm.data_sets.subsample import subsample

    return [case for name in subsets or SUBSETS for case in subsample(load_subset(name, directory), limit)]


def _doubts(counts: VerdictCounts | None) -> str:
    """What a headline says of verdicts that the model did not give by itself; nothing where there are none."""
    unsure = 0 if counts is None else counts.forced + counts.missing
    return f" ({unsure} of {counts.verdicts} verdicts forced or missing)" if counts is not None and unsure else ""


def _verdicts(counts: VerdictCounts) -> str:
    line = f"verdicts: {counts.verdicts}, of which forced {counts.forced}, missing {counts.missing}"
    return line + (
        f"; texts: {counts.texts}, of which cut {counts.cut}, empty {counts.empty}" if counts.texts else ""
    )


def _report(predictions: list[Prediction], model: RewardModel) -> dict[str, Any]:
    """The scores, how the verdicts came about, and what a verifier's rewards were read from."""
    from genprm.evaluation.metrics import report_json, score, voted

    known = {"verdicts": model.verdict_counts(), "reading": model.reading()}
    told = {name: dataclasses.asdict(value) for name, value in known.items() if value is not None}
    return {**report_json(score(voted(predictions))), **told}


def _show(predictions: list[Prediction], title: str, votes: int) -> None:
    """The tables for people: Pass@1, and before it the mean over single paths where there are several."""
    from genprm.commands.score import show_score
    from genprm.evaluation.metrics import score, single_paths, voted

    if votes > 1:
        show_score(score(single_paths(predictions)), f"{title}, Pass@1 (mean of {votes} paths)")
    show_score(score(voted(predictions)), f"{title}, " + (f"Maj@{votes}" if votes > 1 else "Pass@1"))


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
