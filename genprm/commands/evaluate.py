"""`genprm evaluate`: a model on a public benchmark, or on labelled solutions of one's own."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genprm.commands.machine import AS_TRAINED, MODEL, MODES, JudgingOptions, SplitOption, splitter_named
from genprm.commands.options import takes
from genprm.splitting.free_text import AUTO

if TYPE_CHECKING:
    from genprm.records import BenchmarkCase, Prediction
    from genprm.reward_models.base import RewardModel, VerdictCounts

app = typer.Typer(help="Measure a model on a benchmark.", no_args_is_help=True)


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(JudgingOptions):
    """Options of `genprm evaluate` about the model and the number of cases."""

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
    journal: Annotated[
        Path | None,
        typer.Option(
            help="Keep a verifier's paths in this file; after a kill, the same command goes on from there."
        ),
    ] = None

    def check(self) -> None:
        """Refuse wrong options before anything is read.

        Raises:
            InputError: no such mode, or votes or a limit below 1.
        """
        from genprm.data_sets.rows import InputError
        from genprm.prm import check_mode, check_votes
        from genprm.reward_models.judge import JUDGE

        check_votes(self.votes)
        if self.mode not in (None, JUDGE):
            check_mode(str(self.mode), [JUDGE])
        if self.limit is not None and self.limit < 1:
            raise InputError(f"--limit is {self.limit}, allowed: a whole number from 1")
        if self.mode == JUDGE and self.journal is not None:
            raise InputError(f"--journal keeps the paths of verifiers, allowed with --mode {JUDGE}: none")

    def folder(self, mode: str, benchmark: str, *subsets: str) -> Path:
        """Where the predictions of a model that judged in `mode` are kept."""
        from genprm.commands.models import model_label
        from genprm.settings import home

        size = [f"limit{self.limit}"] if self.limit else []
        changes = [model_label(change.removeprefix(MODEL)) for change in self.model_changes()]
        asked = [f"maj{self.votes}", *([self.preset] if self.preset else []), *changes]
        parts = [model_label(self.model_name()), mode, *asked, *subsets, *size]
        return home() / "evaluations" / benchmark / ".".join(parts)


@dataclass(frozen=True, kw_only=True)
class ProcessBenchOptions(EvaluateOptions):
    """Options of `genprm evaluate processbench`."""

    subset: Annotated[
        list[str] | None,
        typer.Option(help="gsm8k, math, olympiadbench or omnimath; repeatable.", show_default="all"),
    ] = None


@dataclass(frozen=True, kw_only=True)
class FileOptions(EvaluateOptions):
    """Options of `genprm evaluate file`."""

    file: Annotated[
        str, typer.Argument(help='Rows {"problem", "steps" or "solution", "label"}; - is standard input.')
    ]
    split: SplitOption = AUTO


@app.command()
@takes(ProcessBenchOptions)
def processbench(options: ProcessBenchOptions) -> None:
    """First wrong steps on ProcessBench: accuracies, F1 with intervals, and the predictions as files."""
    from genprm.data_sets.sources import data_directory

    options.check()
    cases = _cases(options.subset, data_directory(options.data), options.limit)
    _measure(options, cases, "processbench", *(options.subset or []))


@app.command()
@takes(FileOptions)
def file(options: FileOptions) -> None:
    """First wrong steps on one's own solutions; `label` is the 0-based first wrong step, -1 for none."""
    from genprm.commands.models import model_label
    from genprm.commands.reading import read_objects
    from genprm.data_sets.own import labelled_cases
    from genprm.data_sets.subsample import subsample_each

    options.check()
    found = labelled_cases(read_objects(options.file), how=splitter_named(options.split))
    _measure(options, subsample_each(found, options.limit), model_label(options.file))


def _measure(options: EvaluateOptions, cases: list[BenchmarkCase], benchmark: str, *subsets: str) -> None:
    """Judge the cases, keep the predictions, and show the scores."""
    from genprm.commands.models import warn_of_other_worlds
    from genprm.commands.progress import progress_bar
    from genprm.commands.reward_model import TUNED_ON, open_model
    from genprm.data_sets.sources import data_directory
    from genprm.modes import Mode
    from genprm.reward_models.judge import JUDGE
    from genprm.reward_models.kept_paths import keeping_paths
    from genprm.settings import usable_home
    from genprm.verification.rewards import THRESHOLD

    usable_home()  # the place for the predictions is checked before anything is judged
    as_judge = options.mode == JUDGE
    mode = None if as_judge or options.mode is None else Mode(options.mode)
    name, machine = options.model_name(), options.machine()
    with keeping_paths(options.journal, name, options.asking(mode, until=THRESHOLD)) as asking:
        opened = open_model(name, machine, asking, as_judge=as_judge)
        warn_of_other_worlds(name, [case.problem for case in cases])
        tuned = opened.threshold is None
        tuning = _cases([TUNED_ON], data_directory(options.data), options.limit) if tuned else []
        with progress_bar("judged", len({(case.subset, case.id) for case in (*cases, *tuning)})) as bar:
            predictions, threshold = asyncio.run(opened.evaluate(cases, tuning, bar))
    report = _report(predictions, opened.model)
    saved = _save(predictions, options.folder(opened.label, benchmark, *subsets), report)
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
    """The part of a headline about verdicts that were forced or are missing; empty where there are none."""
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
    """Print the score of the vote, and before it the mean score of single paths where there are several."""
    from genprm.commands.score import show_score
    from genprm.evaluation.metrics import score, single_paths, voted

    if votes > 1:
        show_score(score(single_paths(predictions)), f"{title}, Pass@1 (mean of {votes} paths)")
    show_score(score(voted(predictions)), f"{title}, " + (f"Maj@{votes}" if votes > 1 else "Pass@1"))


def _save(predictions: list[Prediction], folder: Path, report: dict[str, object]) -> Path:
    """Write predictions as Parquet and as JSON lines (which `genprm score` reads), and the report. Return the path
    of the JSON lines."""
    from genprm.files import write_text
    from genprm.records import Prediction
    from genprm.tables import write_rows

    write_rows(Prediction, predictions, folder / "predictions.parquet")
    lines = "".join(json.dumps(dataclasses.asdict(row)) + "\n" for row in predictions)
    path = folder / "predictions.jsonl"
    write_text(path, lines)
    write_text(folder / "report.json", json.dumps(report, indent=1) + "\n")
    return path
