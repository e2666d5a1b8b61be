"""Measures in words: the title of each table, the row and the column of each measure, numbers as cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from genprm.results.claims import Claim
from genprm.results.escalation import ALONE
from genprm.results.measures import MEAN, PAPER, Measure, Metric, Table, Unit

TITLES: Mapping[Table, str] = {
    Table.POLICY: "Policy (%)",
    Table.LABELS: "Labels and filter (%)",
    Table.JUDGES: "Wrong and right solutions",
    Table.CALIBRATION: "Calibration error of step rewards on held-out cases (%)",
    Table.RELIABILITY: "Steps in tenths by their rewards: what is promised, and what is right (%)",
    Table.PROCESSBENCH: "ProcessBench (paper table 1)",
    Table.LABEL_SETTINGS: "Label settings (paper tables 3 and 4)",
    Table.COMPONENTS: "Components (paper table 5)",
    Table.DATA_SIZE: "Training data (paper table 8)",
    Table.TOKENS: "Tokens of a verification path (paper table 9)",
    Table.BEST_OF_N: "Best-of-N: accuracy (%)",
    Table.ESCALATION: "Adaptive escalation",
    Table.BUDGET: "Budget: votes of the policy or a verifier",
    Table.REFINEMENT: "Refinement by critic (paper table 2): accuracy (%)",
    Table.SEARCH: "Search on budgets of so many candidates: accuracy (%)",
    Table.EVIDENCE: "What voting, choosing and escalating had to work with (%)",
}

_METRICS: Mapping[Metric, str] = {
    Metric.F1: "F1",
    Metric.ERROR_ACCURACY: "wrong found",
    Metric.CORRECT_ACCURACY: "right left alone",
    Metric.BLAMED: "found wrong at first",
    Metric.TOKENS_PER_STEP: "per step",
    Metric.TOKENS_PER_RESPONSE: "per response",
    Metric.PATHS_AGREE: "all paths agree",
    Metric.RIGHT_WHERE_AGREED: "right where they agree",
}
"""Captions of metrics that differ from the metric's own name."""


def votes_caption(votes: int | None) -> str:
    """Pass@1 or Maj@N.

    >>> votes_caption(1), votes_caption(8)
    ('Pass@1', 'Maj@8')
    """
    if votes is None:
        return ""
    return "Pass@1" if votes == 1 else f"Maj@{votes}"


def row_caption(row: Measure) -> str:
    """The caption of a measure's row in its table."""
    match row.table:
        case Table.LABELS:
            return row.variant
        case Table.PROCESSBENCH:
            return f"{row.model} {votes_caption(row.votes)}"
        case Table.LABEL_SETTINGS:
            return f"{_prefixed(row.model)}{row.setting} ({row.variant})"
        case Table.COMPONENTS:
            return f"{_prefixed(row.model)}trained {row.setting}, judging {row.mode}"
        case Table.DATA_SIZE:
            return f"{row.model}, {row.setting}"
        case Table.TOKENS:
            return f"{row.model} on {row.subset}" if row.subset else row.model
        case Table.BEST_OF_N:
            return f"{row.model} {row.setting}".strip()
        case Table.ESCALATION:
            return f"{row.setting}: {_tau(row)}"
        case Table.BUDGET:
            return f"{line_caption(row)} of {row.n}"
        case Table.REFINEMENT:
            return f"paper: {row.model}" if row.source == PAPER else line_caption(row)
        case Table.SEARCH:
            return f"{line_caption(row)}, budget {row.n}"
        case Table.RELIABILITY:
            return f"{row.model}, bin {row.n}"
        case Table.EVIDENCE:
            return _evidence_row(row)
        case _:
            return row.model


def line_caption(row: Measure) -> str:
    """The caption of a measure's line in a figure: its row without the quantity along the axis."""
    match row.table:
        case Table.BEST_OF_N:
            return f"{row.subset}: {row_caption(row)}"
        case Table.BUDGET:
            return f"{row.subset}: {f'{row.model}, {row.setting}' if row.model else row.setting}"
        case Table.ESCALATION:
            return row.setting
        case Table.SEARCH:
            return f"{row.subset}: {row.setting}"
        case Table.RELIABILITY:
            return row.model
        case _:
            return f"{row.subset}: {row.model}"


def _prefixed(base: str) -> str:
    return f"{base}: " if base else ""


def _tau(row: Measure) -> str:
    return ALONE if row.tau is None else f"tau = {row.tau:g}"


def _evidence_row(row: Measure) -> str:
    if row.votes is not None:
        return f"{row.model}, {row.votes} paths"
    if row.tau is not None:
        return f"{row.setting}: {row.model}, {_tau(row)}"
    return f"{row.subset}: {row.model}"


def metric_caption(measured: Measure | Claim) -> str:
    """What a measure or a claim is about."""
    name = _METRICS.get(measured.metric, str(measured.metric))
    return f"{name}, no worse" if isinstance(measured, Claim) and measured.margin else name


def column_caption(measure: Measure) -> str:
    """The caption of a measure's column in its table."""
    name = _column(measure)
    return f"paper {name}" if measure.source == PAPER and measure.table is not Table.REFINEMENT else name


def _column(row: Measure) -> str:
    if row.turn is not None:
        return f"turn {row.turn}"
    if row.metric is Metric.PROBLEMS:
        return f"problems {row.setting}"
    if row.metric is Metric.FILTERED:
        return "kept" if row.table is Table.LABEL_SETTINGS else f"filter: {reason_caption(row)}"
    match row.table:
        case Table.PROCESSBENCH:
            return row.subset
        case Table.BEST_OF_N:
            return f"{row.subset}: N = {row.n}"
        case Table.CALIBRATION:
            return row.setting
        case Table.JUDGES:
            subset = "" if row.subset == MEAN else f"{row.subset}: "
            return f"{subset}{metric_caption(row)} {votes_caption(row.votes)}"
        case Table.LABEL_SETTINGS if row.votes is None:
            return f"labels: {metric_caption(row)}"
        case Table.ESCALATION if row.metric is Metric.ENDED:
            return f"{row.mode} (%)"
        case Table.LABEL_SETTINGS | Table.COMPONENTS | Table.DATA_SIZE:
            return f"{metric_caption(row)} {votes_caption(row.votes)}".strip()
    return metric_caption(row)


def reason_caption(row: Measure) -> str:
    """Why the filter kept or dropped a solution."""
    return row.setting.replace("_", " ")


def value_cell(measure: Measure) -> str:
    """The value of a measure: whole where it counts whole things, else with one digit.

    >>> value_cell(Measure(table=Table.TOKENS, metric=Metric.CONVERSATIONS, value=40, unit=Unit.COUNT, count=40))
    '40'
    """
    whole = measure.unit is Unit.COUNT and measure.value == int(measure.value)
    return f"{measure.value:.0f}" if whole else f"{measure.value:.1f}"


def interval_cell(measured: Measure | Claim, between: str = " to ") -> str:
    """Both ends of an interval; those of a difference with their signs. Empty where there is none."""
    if measured.low is None or measured.high is None:
        return ""
    style = "+.1f" if isinstance(measured, Claim) else ".1f"
    return f"{measured.low:{style}}{between}{measured.high:{style}}"


def difference_cell(claim: Claim) -> str:
    """A difference with its unit."""
    return f"{claim.difference:+.1f} {claim.unit}"


def side_cells(claim: Claim) -> tuple[str, str]:
    """The two sides of a claim with their values."""
    return f"{claim.first} {claim.first_value:.1f}", f"{claim.second} {claim.second_value:.1f}"


def paper_cell(claim: Claim) -> str:
    """What the paper reports for the two sides; empty where it does not."""
    if claim.first_paper is None or claim.second_paper is None:
        return ""
    return f"{claim.first_paper:.1f} and {claim.second_paper:.1f}"


def notes(claims: Sequence[Claim]) -> list[str]:
    """One line for each ordering of the paper that these numbers do not show."""
    return [
        f"{one.verdict.capitalize()}: {one.name} ({metric_caption(one)}: {difference_cell(one)}, "
        f"95 % [{interval_cell(one, ', ')}], {one.count} items)."
        for one in claims
        if one.verdict != "holds"
    ]
