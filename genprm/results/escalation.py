"""What adaptive judgement buys: F1 and tokens when only unsure cases are judged with more."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from genprm.evaluation.metrics import BenchmarkScore, Judged, f1_difference, score, single_paths
from genprm.intervals import paired_difference
from genprm.lineup import Lineup, Model
from genprm.modes import Mode
from genprm.records import Prediction
from genprm.results.claims import CLEARLY_WORSE, Claim, Side, claim
from genprm.results.measures import Measure, Metric, Table, Unit
from genprm.scaling.escalation import escalate
from genprm.settings import EvaluationSettings

TAUS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
"""Thresholds for escalating whole solutions that are shown besides the verifier's own."""
STAGES = ("direct", "analysis", "full")
ALONE = "full alone"


@dataclass(frozen=True, slots=True)
class Ladder:
    """Models from cheap to expensive, the paper's GenPRM last: a solution moves up while its judge is unsure."""

    name: str
    models: tuple[Model, ...]


def ladders(lineup: Lineup) -> list[Ladder]:
    """One full model asked in three modes, and three models trained in one mode each, if the line-up has them."""
    found = []
    for full in lineup.fulls:
        stem = f"{full.base}.{full.variant}"
        candidates = (
            (f"{full.key}, three modes", (lineup.asked_as(full, mode) for mode in (Mode.DIRECT, Mode.COT))),
            (f"{stem}, three models", (lineup.trained(full.base, mode) for mode in (Mode.DIRECT, Mode.COT))),
        )
        for name, cheaper in candidates:
            models = (*cheaper, full)
            if None not in models:
                found.append(Ladder(name, tuple(model for model in models if model is not None)))
    return found


def escalation_measures(
    lineup: Lineup, predictions: Mapping[str, Sequence[Prediction]]
) -> tuple[list[Measure], list[Claim]]:
    """F1 (Pass@1) and tokens for each threshold, and claims that the verifier's own is no worse than full mode, and
    cheaper."""
    rows: list[Measure] = []
    claims: list[Claim] = []
    if not lineup.otherwise:
        return rows, claims
    settings = lineup.profile.evaluation
    for ladder in ladders(lineup):
        modes = [predictions[model.key] for model in ladder.models]
        full = _alone(modes[-1], settings)
        rows += _found(ladder.name, None, full)
        for tau in sorted({*TAUS, settings.verifier.tau}):
            escalated = escalate(modes, tau, settings.threshold)
            way = _Way(escalated.judged, escalated.tokens, score(escalated.judged, settings.bootstrap))
            rows += [*_found(ladder.name, tau, way), *_ended(ladder.name, tau, escalated.shares, len(way.judged))]
            if tau == settings.verifier.tau:
                claims += _against_full(ladder.name, way, full, settings)
    for one in lineup.fulls:
        adaptive = lineup.asked_as(one, Mode.ADAPTIVE)
        if adaptive is not None:
            name, tau = f"{one.key}, step by step", settings.verifier.tau
            full, live = (_alone(predictions[model.key], settings) for model in (one, adaptive))
            rows += _found(name, tau, live)
            claims += _against_full(name, live, full, settings)
    return rows, claims


class _Way(NamedTuple):
    """A way of judging all cases: what it found, the tokens per case, and how good it was."""

    judged: list[Judged]
    tokens: list[float]
    scored: BenchmarkScore


def _alone(rows: Sequence[Prediction], settings: EvaluationSettings) -> _Way:
    """One model in one mode."""
    judged = single_paths(rows, settings.threshold)
    spent = [row.tokens / len(row.path_rewards) for row in rows]
    return _Way(judged, spent, score(judged, settings.bootstrap))


def _found(ladder: str, tau: float | None, way: _Way) -> Iterable[Measure]:
    count, interval = len(way.judged), way.scored.mean_f1_ci95
    tokens = Measure(
        table=Table.ESCALATION,
        metric=Metric.TOKENS_PER_SOLUTION,
        value=statistics.fmean(way.tokens),
        unit=Unit.TOKENS,
        count=count,
        setting=ladder,
        tau=tau,
    )
    if way.scored.mean_f1 is not None and interval is not None:
        low, high = interval
        value = way.scored.mean_f1
        yield replace(tokens, metric=Metric.F1, value=value, unit=Unit.PERCENT, low=low, high=high)
    yield tokens


def _ended(ladder: str, tau: float, shares: Sequence[float], count: int) -> list[Measure]:
    return [
        Measure(
            table=Table.ESCALATION,
            metric=Metric.ENDED,
            value=100 * share,
            unit=Unit.PERCENT,
            count=count,
            setting=ladder,
            mode=stage,
            tau=tau,
        )
        for stage, share in zip(STAGES, shares, strict=True)
    ]


def _against_full(name: str, way: _Way, full: _Way, settings: EvaluationSettings) -> list[Claim]:
    own, count = f"tau = {settings.verifier.tau:g}", len(full.judged)
    difference = f1_difference(way.judged, full.judged, settings.bootstrap)
    scores = Side(own, way.scored.mean_f1 or 0.0), Side("full", full.scored.mean_f1 or 0.0)
    saved = [[one - other] for one, other in zip(full.tokens, way.tokens, strict=True)]
    fewer = paired_difference(saved, 1.0, settings.bootstrap)
    tokens = Side("full", statistics.fmean(full.tokens)), Side(own, statistics.fmean(way.tokens))
    no_worse = claim(f"adaptive ({name}) - full", Metric.F1, scores, difference, count)
    return [
        replace(no_worse, margin=CLEARLY_WORSE),
        replace(
            claim(f"full - adaptive ({name})", Metric.TOKENS_PER_SOLUTION, tokens, fewer, count), unit=Unit.TOKENS
        ),
    ]
