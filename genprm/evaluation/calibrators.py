"""Calibration of rewards: maps of rewards that are fitted on held-out labelled steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, Protocol, TypeAlias, get_args

import numpy as np
from pydantic import AfterValidator, ConfigDict, Field

from genprm.evaluation.calibration import (
    BINS,
    Binning,
    LabelledRewards,
    RewardedCase,
    expected_calibration_error,
    labelled_rewards,
    reliability_curve,
)
from genprm.intervals import Floats
from genprm.verification.rewards import DIGITS

COLDEST, HOTTEST = 0.01, 100.0
"""Bounds of the search for a temperature. Where rewards tell right and wrong steps apart without a mistake, there
is no best temperature: the colder, the better."""


class Calibrator(Protocol):
    """A map of rewards that never reverses the order of two of them."""

    def __call__(self, rewards: Floats) -> Floats:
        """Calibrated rewards in [0, 1], of the same shape."""


def _rising(values: tuple[float, ...]) -> tuple[float, ...]:
    if np.any(np.diff(values) < 0):
        raise ValueError("must never fall")
    return values


_Rewards = Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=1), AfterValidator(_rising)]


@dataclass(frozen=True, slots=True)
class TemperatureScaling:
    """The log-odds of a reward divided by a temperature: above 1, rewards move towards 0.5.

    Rewards above and below 0.5 stay there, so no verdict changes. Source: Guo et al., arXiv 1706.04599, 4.2.

    >>> TemperatureScaling(2.0)(np.array([0.5, 0.9, 1.0])).round(3)
    array([0.5  , 0.75 , 0.999])
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    map: Literal["temperature"] = field(default="temperature", kw_only=True)
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    def __call__(self, rewards: Floats) -> Floats:
        """Calibrated rewards."""
        from scipy.special import expit

        scaled: Floats = expit(_log_odds(rewards) / self.temperature)
        return scaled


@dataclass(frozen=True, slots=True)
class IsotonicCalibration:
    """Maps the rewards of the fit to calibrated ones; linear between two of them, and constant outside.

    Rewards between which the shares of right steps do not rise become equal, so ranks are lost; a verdict changes
    where rewards above 0.5 were mostly wrong, or the other way round. Source: Zadrozny and Elkan, KDD 2002.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    map: Literal["isotonic"] = field(default="isotonic", kw_only=True)
    rewards: _Rewards
    calibrated: _Rewards

    def __post_init__(self) -> None:
        if len(self.rewards) != len(self.calibrated):
            raise ValueError(f"{len(self.rewards)} rewards have {len(self.calibrated)} calibrated ones")

    def __call__(self, rewards: Floats) -> Floats:
        """Calibrated rewards."""
        return np.interp(rewards, self.rewards, self.calibrated)


Fitted: TypeAlias = TemperatureScaling | IsotonicCalibration


def fit_temperature(labelled: LabelledRewards) -> TemperatureScaling:
    """The temperature at which the labels are most probable.

    Raises:
        ValueError: all steps are right, or all are wrong.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_expit

    _require_both(labelled)
    signed = np.where(labelled.right, 1.0, -1.0) * _log_odds(labelled.rewards)

    def loss(log_temperature: float) -> float:
        return -float(log_expit(signed * np.exp(-log_temperature)).mean())

    found = minimize_scalar(
        loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded", options={"xatol": 1e-8}
    )
    return TemperatureScaling(float(np.exp(found.x)))


def fit_isotonic(labelled: LabelledRewards) -> IsotonicCalibration:
    """The rising map with the smallest mean squared distance from the labels.

    Raises:
        ValueError: all steps are right, or all are wrong.
    """
    from scipy.optimize import isotonic_regression

    _require_both(labelled)
    rewards, place, steps = np.unique(labelled.rewards, return_inverse=True, return_counts=True)
    share_right = np.bincount(place, weights=labelled.right) / steps
    fitted = isotonic_regression(share_right, weights=steps).x
    return IsotonicCalibration(tuple(rewards.tolist()), tuple(fitted.tolist()))


FITS: dict[str, Callable[[LabelledRewards], Fitted]] = {
    "temperature": fit_temperature,
    "isotonic": fit_isotonic,
}
"""The ways of calibrating by their names."""


def cross_fitted(cases: Sequence[RewardedCase], fit: Callable[[LabelledRewards], Calibrator]) -> LabelledRewards:
    """The labelled steps of all cases, each calibrated by a map that was fitted without its case.

    Every other case is one half, and each half is calibrated by the map that is fitted on the other one.

    Raises:
        ValueError: fewer than two cases, or a half without right or without wrong steps.
    """
    if len(cases) < 2:
        raise ValueError("calibration needs two solutions or more, some to fit and others to measure")
    halves = [labelled_rewards(cases[0::2]), labelled_rewards(cases[1::2])]
    calibrated = [fit(other)(half.rewards) for half, other in zip(halves, reversed(halves), strict=True)]
    return LabelledRewards(np.concatenate(calibrated), np.concatenate([half.right for half in halves]))


def held_out_errors(cases: Sequence[RewardedCase], bins: int = BINS) -> dict[str, dict[Binning, float]]:
    """Expected calibration error in percent, by calibration and by bins: of the rewards `as they are`, and of those
    that were calibrated without their case (`cross_fitted`).

    Raises:
        ValueError: as `cross_fitted`.
    """
    ways = {"as they are": labelled_rewards(cases)}
    ways |= {name: cross_fitted(cases, fit) for name, fit in FITS.items()}
    binnings: tuple[Binning, ...] = get_args(Binning)
    return {
        name: {
            binning: 100 * expected_calibration_error(reliability_curve(labelled, binning, bins))
            for binning in binnings
        }
        for name, labelled in ways.items()
    }


def _log_odds(rewards: Floats) -> Floats:
    """The log-odds of rewards, clipped: rewards are rounded, so 0 and 1 do not mean certainty."""
    from scipy.special import logit

    smallest = 10.0**-DIGITS
    odds: Floats = logit(np.clip(rewards, smallest, 1 - smallest))
    return odds


def _require_both(labelled: LabelledRewards) -> None:
    if labelled.right.all() or not labelled.right.any():
        kind = "wrong" if labelled.right.all() else "right"
        raise ValueError(f"rewards are calibrated on right and wrong steps; there is no {kind} one")
