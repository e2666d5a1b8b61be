"""What the labels' page says about the rollouts behind them."""

from __future__ import annotations

import pytest

from assets.rpe_labels import rollouts_behind
from genprm.records import StepScores
from genprm.settings import LabelVariant


@pytest.mark.parametrize(
    ("decided_for", "variant", "said"),
    [
        (None, LabelVariant(epsilon=0.5), "K for every step"),
        (0.8, LabelVariant(epsilon=0.8), "until decided for epsilon 0.8 of the ratio"),
        (0.8, LabelVariant(estimator="hard"), "until decided for epsilon 0.8 of the ratio"),
        (0.8, LabelVariant(epsilon=0.5), "until decided for epsilon 0.8: near 0.5 these labels are less exact"),
    ],
)
def test_labels_at_another_epsilon_than_was_decided_for_say_so(
    decided_for: float | None, variant: LabelVariant, said: str
) -> None:
    scores = [StepScores("s", "p", 0.5, [0.5], [8], 0, ["kept"], decided_for)]
    assert rollouts_behind(scores, variant) == said
