"""How good labels are, against cases worked out by hand."""

from __future__ import annotations

import pytest

from genprm.records import FilterDecision, StepLabels
from genprm.results.captions import column_caption
from genprm.results.label_quality import LabelHit, against_truth, compare_hits, filter_shares, label_shares


def labelled(name: str, labels: list[int]) -> StepLabels:
    first = labels.index(0) if 0 in labels else -1
    return StepLabels(name, "ratio", 0.8, [float(label) for label in labels], labels, first)


LABELS = [
    labelled("found", [1, 0, 0]),  # the truth is step 1: a hit
    labelled("early", [0, 1, 0]),  # the truth is step 2: a false alarm at 0, and a hit
    labelled("missed", [1, 1, 1]),  # the truth is step 2: a miss
    labelled("right", [1, 0, 1]),  # no step is wrong: a false alarm
    labelled("clean", [1, 1]),  # no step is wrong
    labelled("unclear", [0, 0]),  # nothing is claimed
]
TRUTH = {"found": 1, "early": 2, "missed": 2, "right": -1, "clean": -1}


def test_labels_against_truth_up_to_the_first_wrong_step() -> None:
    kept = [FilterDecision(name, True, "agree", first, first) for name, first in (("found", 1), ("missed", -1))]
    found = {column_caption(row): (row.value, row.count) for row in against_truth("main", LABELS, kept, TRUTH)}
    assert found["exact first error"] == (40.0, 5)
    assert found["precision"] == (50.0, 4)  # 2 hits among 4 zeros that count
    assert found["recall"] == (100 * 2 / 3, 3)
    assert round(found["F1"][0], 6) == round(2 * 50 * (200 / 3) / (50 + 200 / 3), 6)
    assert found["exact first error in the kept"] == (50.0, 2)


def test_shares_of_labels_and_reasons() -> None:
    assert [(column_caption(row), row.value) for row in label_shares("main", LABELS)] == [
        ("steps labelled wrong", 100 * 7 / 16),
        ("solutions with a wrong step", 100 * 4 / 6),
    ]
    decisions = [FilterDecision(str(n), n < 3, "agree" if n < 3 else "different_step", 0, 0) for n in range(4)]
    reasons = {column_caption(row): row.value for row in filter_shares("main", decisions)}
    assert reasons["filter: agree"] == 75.0
    assert reasons["filter: different step"] == 25.0
    assert sum(reasons.values()) == 100.0


def test_label_hits_of_a_problem_are_drawn_together() -> None:
    """Four problems with two solutions each; main finds all, hard those of three problems."""
    ours = [LabelHit(f"s{n}", f"p{n // 2}", True) for n in range(8)]
    theirs = [LabelHit(f"s{n}", f"p{n // 2}", n < 6) for n in range(8)]
    claim = compare_hits(("main", ours), ("hard", theirs), 2000)
    assert (claim.difference, claim.first_value, claim.second_value) == (25.0, 100.0, 75.0)
    assert claim.low % 25 == 0, "a problem brings both of its solutions"
    with pytest.raises(ValueError, match="same solutions"):
        compare_hits(("main", ours), ("hard", theirs[::-1]), 100)
