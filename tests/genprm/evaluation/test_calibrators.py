"""Fitted maps against closed forms, brute force and scikit-learn, and what they do to overconfident rewards."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit

from genprm.evaluation.calibration import LabelledRewards, expected_calibration_error, reliability_curve
from genprm.evaluation.calibrators import (
    COLDEST,
    TemperatureScaling,
    cross_fitted,
    fit_isotonic,
    fit_temperature,
    held_out_errors,
)
from genprm.evaluation.predictions import RewardedRow


def overconfident(seed: int, steps: int = 4000, temperature: float = 3.0) -> LabelledRewards:
    """Steps that are right with known probabilities, and rewards whose log-odds are `temperature` times theirs."""
    generator = np.random.default_rng(seed)
    log_odds = generator.normal(0.5, 1.5, size=steps)
    right = generator.random(steps) < expit(log_odds)
    return LabelledRewards(expit(temperature * log_odds).round(6), right)


def test_the_temperature_of_two_rewards_has_a_closed_form() -> None:
    """Rewards of 0.1 and 0.9 that are right in three of four cases: 0.9 must become 0.75."""
    steps = LabelledRewards(np.array([0.9] * 4 + [0.1] * 4), np.array([1, 1, 1, 0, 0, 0, 0, 1], dtype=bool))
    scaling = fit_temperature(steps)

    assert scaling.temperature == pytest.approx(logit(0.9) / logit(0.75), rel=1e-6)
    assert scaling(np.array([0.9, 0.1])) == pytest.approx([0.75, 0.25])


def test_the_temperature_that_rewards_were_made_with_is_found() -> None:
    assert fit_temperature(overconfident(0, steps=40_000)).temperature == pytest.approx(3.0, rel=0.05)


def test_no_other_temperature_makes_the_labels_more_probable() -> None:
    steps = overconfident(1)

    def loss(temperature: float) -> float:
        rewards = TemperatureScaling(temperature)(steps.rewards)
        return float(-np.log(np.where(steps.right, rewards, 1 - rewards)).mean())

    assert loss(fit_temperature(steps).temperature) <= min(map(loss, np.geomspace(0.5, 50, 500))) + 1e-9


def test_rewards_without_a_mistake_get_the_coldest_temperature() -> None:
    steps = LabelledRewards(np.array([0.1, 0.4, 0.6, 0.9]), np.array([False, False, True, True]))
    assert fit_temperature(steps).temperature == pytest.approx(COLDEST, rel=0.01)


def test_a_temperature_changes_no_verdict_and_no_rank() -> None:
    rewards = np.linspace(0, 1, 101)
    scaled = TemperatureScaling(4.0)(rewards)
    assert ((scaled < 0.5) == (rewards < 0.5)).all()
    assert (np.diff(scaled) > 0).all()


def test_isotonic_calibration_pools_what_does_not_rise() -> None:
    """Pooled by hand: 0.2 and 0.4 are right in 1 of 1 and 0 of 2 cases, together in 1 of 3."""
    steps = LabelledRewards(np.array([0.1, 0.2, 0.4, 0.4, 0.8]), np.array([False, True, False, False, True]))
    calibration = fit_isotonic(steps)
    assert calibration(np.array([0.0, 0.1, 0.15, 0.2, 0.3, 0.4, 0.8, 1.0])) == pytest.approx(
        [0.0, 0.0, 1 / 6, 1 / 3, 1 / 3, 1 / 3, 1.0, 1.0]
    )


def test_isotonic_calibration_is_that_of_scikit_learn() -> None:
    isotonic = pytest.importorskip("sklearn.isotonic")
    steps = overconfident(2, steps=500)
    reference = isotonic.IsotonicRegression(out_of_bounds="clip").fit(steps.rewards, steps.right)
    places = np.linspace(0, 1, 1001)
    np.testing.assert_allclose(fit_isotonic(steps)(places), reference.predict(places), atol=1e-9)


@pytest.mark.parametrize("fit", [fit_temperature, fit_isotonic])
@pytest.mark.parametrize("binning", ["width", "mass"])
def test_the_error_on_held_out_steps_is_at_least_halved(fit: object, binning: str) -> None:
    held_out = overconfident(4)
    calibrated = LabelledRewards(fit(overconfident(3))(held_out.rewards), held_out.right)
    before, after = (
        expected_calibration_error(reliability_curve(steps, binning)) for steps in (held_out, calibrated)
    )
    assert before > 0.1
    assert after <= before / 2


@pytest.mark.parametrize("fit", [fit_temperature, fit_isotonic])
@pytest.mark.parametrize(("right", "missing"), [(True, "wrong"), (False, "right")])
def test_steps_of_one_kind_teach_nothing(fit: object, right: bool, missing: str) -> None:
    with pytest.raises(ValueError, match=f"there is no {missing} one"):
        fit(LabelledRewards(np.array([0.5, 0.9]), np.array([right, right])))


def published_cases(data_dir: Path, model: str) -> list[RewardedRow]:
    """Solutions with the first wrong step that people marked, and a published model's scores per sub-step."""
    folder = data_dir / "reasoneval"
    names = (f"{model}_scores", "mr-math_invalid_errors")
    scored, solutions = (
        [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()] for name in names
    )
    cases = []
    for row, solution in zip(scored, solutions, strict=True):
        # ReasonEval gives the probabilities of invalid, neutral and positive
        parts = iter(value if isinstance(value, float) else 1 - value[0] for value in row["scores"])
        rewards = [min(next(parts) for _ in step) for step in solution["model_output_step_format"]]
        marked = solution["model_output_solution_first_error_step"]
        cases.append(RewardedRow(-1 if marked == "N/A" else int(marked) - 1, rewards))
    return cases


@pytest.mark.parametrize("model", ["math-shepherd_mistral-7b", "reasoneval_wizardmath-7b-v1.1"])
def test_isotonic_calibration_halves_the_held_out_error_of_published_models(data_dir: Path, model: str) -> None:
    errors = held_out_errors(published_cases(data_dir, model))
    for binning, error in errors["isotonic"].items():
        assert error <= errors["as they are"][binning] / 2


def test_no_case_is_calibrated_by_its_own_labels() -> None:
    """Isotonic regression can learn all labels of one half by heart; on the other half they are the other way."""
    cases = [RewardedRow(0, [0.3]), RewardedRow(-1, [0.3]), RewardedRow(-1, [0.7]), RewardedRow(0, [0.7])]
    steps = cross_fitted(cases, fit_isotonic)

    assert steps.right.tolist() == [False, True, True, False]
    assert steps.rewards.tolist() == [0.5, 0.5, 0.0, 1.0], "pooled by the falling half, taught by the rising one"


def test_one_solution_cannot_be_held_out() -> None:
    with pytest.raises(ValueError, match="calibration needs two solutions or more"):
        held_out_errors([RewardedRow(-1, [0.9])])
