"""Measures: the numbers that a run ends with, each with fields for everything that tells it from the others.

Captions are never parsed: only `genprm.results.captions` puts measures into words, for people.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from genprm.intervals import Interval

OURS, PAPER = "ours", "paper"
"""Where a number comes from."""

MEAN = "mean"
"""The subset that stands for the unweighted mean over all subsets."""


class Table(StrEnum):
    """The table of results that a measure belongs to."""

    POLICY = "policy"
    LABELS = "labels"
    JUDGES = "judges"
    CALIBRATION = "calibration"
    RELIABILITY = "reliability"
    PROCESSBENCH = "processbench"
    """Paper table 1."""
    LABEL_SETTINGS = "label settings"
    """Paper tables 3 and 4."""
    COMPONENTS = "components"
    """Paper table 5."""
    DATA_SIZE = "data size"
    """Paper table 8."""
    TOKENS = "tokens"
    """Paper table 9."""
    BEST_OF_N = "best of n"
    ESCALATION = "escalation"
    BUDGET = "budget"
    REFINEMENT = "refinement"
    """Paper table 2."""
    SEARCH = "search"
    EVIDENCE = "evidence"


class Metric(StrEnum):
    """What is measured."""

    ACCURACY = "accuracy"
    INVALID = "invalid"
    PROBLEMS = "problems"
    """Problems with one outcome of sampling, which `setting` names."""
    STEPS_LABELLED_WRONG = "steps labelled wrong"
    SOLUTIONS_WITH_WRONG_STEP = "solutions with a wrong step"
    FILTERED = "filtered"
    """Solutions that the filter decided for one reason, which `setting` names."""
    EXACT_FIRST_ERROR = "exact first error"
    KEPT_EXACT_FIRST_ERROR = "exact first error in the kept"
    PRECISION = "precision"
    RECALL = "recall"
    F1 = "f1"
    ERROR_ACCURACY = "error accuracy"
    """ProcessBench: solutions with a wrong step whose first wrong step is found."""
    CORRECT_ACCURACY = "correct accuracy"
    """ProcessBench: solutions without a wrong step that are left alone."""
    WRONG_PASSED = "wrong passed"
    """Solutions with a wrong step in which no step is called wrong: the false positives of a reward."""
    CALIBRATION_ERROR = "calibration error"
    """Expected calibration error of step rewards; `setting` names how they were calibrated."""
    MEAN_REWARD = "mean reward"
    SHARE_RIGHT = "share right"
    """Right steps among those of a bin of rewards; `n` numbers the bins from the lowest."""
    CONVERSATIONS = "conversations"
    TOKENS_PER_STEP = "tokens per step"
    TOKENS_PER_RESPONSE = "tokens per response"
    F1_PER_THOUSAND_TOKENS = "F1 per 1,000 tokens"
    TOKENS_PER_SOLUTION = "tokens per solution"
    TOKENS_PER_PROBLEM = "tokens per problem"
    ENDED = "ended"
    """Cases that escalation leaves with one stage, which `mode` names."""
    BLAMED = "blamed at first"
    MADE_RIGHT = "made right"
    MADE_WRONG = "made wrong"
    PATHS_AGREE = "paths agree"
    RIGHT_WHERE_AGREED = "right where paths agree"
    RIGHT_ACCEPTED = "right candidates accepted"
    WRONG_ACCEPTED = "wrong candidates accepted"
    WRONG_PREFERRED = "wrong one preferred to an accepted right one"
    OVER_MAJORITY = "over majority"
    """Accuracy minus that of a majority on the same budget."""
    OVER_BEST_OF_N = "over best-of-n"
    """Accuracy minus that of the best of N on the same budget."""
    SURE = "sure"
    RIGHT_WHERE_SURE = "right where sure"


class Unit(StrEnum):
    """What a value counts."""

    PERCENT = "%"
    POINTS = "points"
    TOKENS = "tokens"
    COUNT = "count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number with its 95 % interval where it has one (`low`, `high`), measured on `count` items.

    `model` is the key of a model of the line-up, the name of a critic, or the paper's name for one; `variant` a
    label variant; `mode` a way of judging; `setting` what else tells it from its neighbours (a label setting, a way
    of choosing, an outcome, a reason); `subset` a benchmark subset or an answer set. `votes` is the N of Maj@N, 1
    for Pass@1; `n` how many candidates were chosen from, the budget of a search in candidates, or the number of a
    bin of rewards; `turn` the turn of a refinement; `tau` the threshold of an escalation.
    Fields that do not apply are empty or None. `source` says whose number it is, ours or the paper's.
    """

    table: Table
    metric: Metric
    value: float
    unit: Unit
    count: int
    low: float | None = None
    high: float | None = None
    model: str = ""
    variant: str = ""
    mode: str = ""
    setting: str = ""
    subset: str = ""
    votes: int | None = None
    n: int | None = None
    turn: int | None = None
    tau: float | None = None
    source: str = OURS

    @property
    def interval(self) -> Interval | None:
        """The 95 % interval, where there is one."""
        return None if self.low is None or self.high is None else Interval(self.low, self.high)


def share(table: Table, metric: Metric, part: int, whole: int) -> Measure:
    """A share in percent, measured on `whole` items."""
    return Measure(table=table, metric=metric, value=percentage(part, whole), unit=Unit.PERCENT, count=whole)


def percentage(part: int, whole: int) -> float:
    """A share in percent; 0 of nothing.

    >>> percentage(1, 4), percentage(0, 0)
    (25.0, 0.0)
    """
    return 100 * part / whole if whole else 0.0
