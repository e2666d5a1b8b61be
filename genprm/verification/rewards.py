"""Rewards: how one is read off the model at the verdict, and what a row of them says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from genprm.records import NO_ERROR, Provenance, Verification
from genprm.verification.conversation import Verdict

VERDICT_LOGPROBS = 20
"""Most probable tokens looked at where the verdict is due (as in the published evaluation)."""
UNDECIDED = 0.5
"""Reward of a step without a verdict."""
THRESHOLD = 0.5
"""A step is wrong when its reward is below this (ProcessBench)."""
DIGITS = 6
"""Decimals of a reward: as many as do not depend on the other requests of its batch (docs/engines.md)."""
NO_VERDICT: tuple[float, Verdict] = (UNDECIDED, "none")
"""What is read where neither word is probable."""
WORDS = ("Yes", "No")


def verdict_word(token: str) -> str | None:
    """Yes or No if a token spells it, also with spaces around it or the closing brace after it; None otherwise.

    >>> verdict_word(" Yes"), verdict_word("No}"), verdict_word("no"), verdict_word("Not")
    ('Yes', 'No', None, None)
    """
    word = token.strip().rstrip("}$")
    return word if word in WORDS else None


def read_reward(logprobs: Mapping[str, float]) -> tuple[float, Verdict]:
    """Reward and verdict from the raw log-probabilities (nats) of the most probable tokens at the verdict.

    Reward = p(Yes) / (p(Yes) + p(No)), each the sum over all spellings of the word (`verdict_word`). A word that is
    not listed is at most as probable as the least probable listed token, and counts with that probability. Neither
    listed: 0.5 and "none". The verdict is the more probable word; a tie is Yes, as a reward of 0.5 is not below
    0.5. The reward has `DIGITS` decimals, and rounding never moves it across 0.5.

    >>> read_reward({"Yes": math.log(0.6), " Yes": math.log(0.15), "No": math.log(0.25)})
    (0.75, 'Yes')
    >>> read_reward({"Yes": math.log(0.4999999), "No": math.log(0.5000001)})
    (0.499999, 'No')
    """
    mass = dict.fromkeys(WORDS, 0.0)
    for token, logprob in logprobs.items():
        if (word := verdict_word(token)) is not None:
            mass[word] += math.exp(logprob)
    yes, no = mass["Yes"], mass["No"]
    if yes + no == 0.0:
        return NO_VERDICT
    bound = math.exp(min(logprobs.values()))
    yes, no = yes or bound, no or bound
    rounded = round(yes / (yes + no), DIGITS)
    return (rounded, "Yes") if yes >= no else (min(rounded, UNDECIDED - 10**-DIGITS), "No")


@dataclass(frozen=True, slots=True)
class Reading:
    """How rewards were read: from which engine and which kind of log-probabilities, among how many of the most
    probable tokens, and which tokens stood for Yes and for No (all that were met so far, in order)."""

    provenance: Provenance
    listed: int
    spellings: dict[str, list[str]]


def rewards(verification: Verification) -> list[float]:
    """Reward per judged step, each in [0, 1]."""
    return [step.reward for step in verification.steps]


def is_decided(reward: float, tau: float) -> bool:
    """Whether a reward is within `tau` of 0 or 1, so that judging with more effort is not worth it.

    >>> is_decided(0.97, 0.1), is_decided(0.04, 0.1), is_decided(0.8, 0.1)
    (True, True, False)
    """
    return min(reward, 1 - reward) <= tau


def first_error(rewards: Sequence[float], threshold: float = THRESHOLD) -> int:
    """0-based index of the first reward below `threshold`, -1 if there is none (ProcessBench).

    >>> first_error([0.9, 0.5, 0.2, 0.1])
    2
    """
    return next((index for index, reward in enumerate(rewards) if reward < threshold), NO_ERROR)
