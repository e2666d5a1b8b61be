"""From logits to the next token, for a whole batch at once, each row with its own parameters and random numbers.

A row's random numbers come from a counter-based generator keyed by the request alone, and the token is found by
inverting the row's cumulative distribution. So a request gives the same text whatever else is in the batch, but for
the rounding of the logits, which depends on the shape of the batch. A choice that this rounding could tip is called
close; the batch then computes that row alone and chooses again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

ROUNDING = 2e-6
"""Difference between probabilities that rounding in float32 may make; up to 2e-7 was measured."""
LOGIT_ROUNDING = 1e-5
"""Difference between logits that rounding in float32 may make."""

_FIRST_CANDIDATES = 64


def uniform_stream(seed: int, sample: int, prompt: Sequence[int]) -> np.random.Generator:
    """The random numbers of one sample: a Philox generator keyed by seed, sample index and prompt tokens.

    The prompt is part of the key so that different prompts under one seed are drawn independently.
    """
    text = f"{seed}/{sample}/".encode() + np.asarray(prompt, dtype=np.int64).tobytes()
    key = np.frombuffer(hashlib.blake2b(text, digest_size=16).digest(), dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


class Choice(NamedTuple):
    """The next token of each row, and whether logits that differ by rounding could have given another token."""

    tokens: torch.Tensor
    close: torch.Tensor


def _largest(logits: torch.Tensor) -> Choice:
    """The most probable token of each row, the first of equals."""
    best = logits.topk(2, dim=-1).values
    return Choice(logits.argmax(-1), best[:, 0] - best[:, 1] <= LOGIT_ROUNDING)


def _invert(masses: torch.Tensor, uniforms: torch.Tensor) -> Choice:
    """Index drawn from each row of unnormalised `masses` (rows, choices) by `uniforms` in (0, 1]."""
    cumulative = masses.cumsum(-1)
    total = cumulative[:, -1:]
    drawn = total * uniforms[:, None]
    index = torch.searchsorted(cumulative, drawn)
    above = cumulative.gather(1, index) - drawn
    below = drawn - cumulative.gather(1, (index - 1).clamp(min=0))
    close = (above <= ROUNDING * total) | ((index > 0) & (below <= ROUNDING * total))
    return Choice(index[:, 0], close[:, 0])


def _truncated(logits: torch.Tensor, top_p: torch.Tensor, top_k: torch.Tensor, uniforms: torch.Tensor) -> Choice:
    """Top-k, then top-p on what is left, as in the reference implementations."""
    vocabulary = logits.shape[-1]
    limited = bool((top_k > 0).all())
    # One candidate more than top-k keeps, to see how far it is behind.
    most = int(top_k.max()) + 1
    candidates = min(vocabulary, most if limited else max(_FIRST_CANDIDATES, most))
    everything = None if limited else logits.logsumexp(-1, keepdim=True)
    while True:
        sorted_values, tokens = logits.topk(candidates, dim=-1)
        ranks = torch.arange(candidates, device=logits.device)
        limits = torch.where(top_k > 0, top_k, vocabulary)[:, None]
        values = sorted_values.masked_fill(ranks >= limits, -torch.inf)
        total = values.logsumexp(-1, keepdim=True)
        if everything is not None:
            total = torch.where(top_k[:, None] > 0, total, everything)
        masses = (values - total).exp()
        cumulative = masses.cumsum(-1)
        covered = (top_k > 0) | (cumulative[:, -1] >= top_p)
        if limited or candidates == vocabulary or bool(covered.all()):
            break
        candidates = min(vocabulary, 8 * candidates)
    before = cumulative - masses
    index, close = _invert(masses.masked_fill(before >= top_p[:, None], 0.0), uniforms)
    close |= ((masses > ROUNDING) & ((before - top_p[:, None]).abs() <= ROUNDING)).any(-1)
    close |= _tied(sorted_values, index) | ((top_k > 0) & _tied(sorted_values, top_k - 1, above=False))
    return Choice(tokens.gather(1, index[:, None])[:, 0], close)


def _tied(values: torch.Tensor, index: torch.Tensor, above: bool = True) -> torch.Tensor:
    """Whether the value at `index` of each row, sorted from the largest, could change places with the next one, or
    (`above`) with the one before it."""
    last = values.shape[1] - 1
    index = index.clamp(0, last)
    value = values.gather(1, index[:, None])[:, 0]
    behind = value - values.gather(1, (index + 1).clamp(max=last)[:, None])[:, 0]
    tied = (index < last) & (behind <= LOGIT_ROUNDING)
    if above:
        ahead = values.gather(1, (index - 1).clamp(min=0)[:, None])[:, 0] - value
        tied |= (index > 0) & (ahead <= LOGIT_ROUNDING)
    return tied


class Chooser:
    """The sampling parameters of the rows of a batch, in order; rebuilt when the batch changes."""

    def __init__(
        self, temperature: np.ndarray, top_p: np.ndarray, top_k: np.ndarray, device: torch.device | str
    ) -> None:
        greedy = temperature <= 0.0
        plain = ~greedy & (top_p >= 1.0) & (top_k == 0)
        self._rows = len(temperature)
        self._greedy, self._plain, self._cut = (
            torch.from_numpy(np.flatnonzero(kind)).to(device) for kind in (greedy, plain, ~greedy & ~plain)
        )
        self._temperature = torch.from_numpy(np.where(greedy, 1.0, temperature).astype(np.float32)).to(device)
        self._top_p = torch.from_numpy(top_p.astype(np.float32)).to(device)
        self._top_k = torch.from_numpy(top_k.astype(np.int64)).to(device)

    def __call__(self, logits: torch.Tensor, uniforms: torch.Tensor) -> Choice:
        """The next token of each row from `logits` (rows, vocabulary, float32) and `uniforms` in (0, 1]."""
        if len(self._greedy) == self._rows:
            return _largest(logits)
        scaled = logits / self._temperature[:, None]
        chosen = Choice(
            torch.empty(self._rows, dtype=torch.long, device=logits.device),
            torch.empty(self._rows, dtype=torch.bool, device=logits.device),
        )
        if len(rows := self._greedy):
            chosen.tokens[rows], chosen.close[rows] = _largest(scaled[rows])
        if len(rows := self._plain):
            chosen.tokens[rows], chosen.close[rows] = _invert(scaled[rows].softmax(-1), uniforms[rows])
        if len(rows := self._cut):
            chosen.tokens[rows], chosen.close[rows] = _truncated(
                scaled[rows], self._top_p[rows], self._top_k[rows], uniforms[rows]
            )
        return chosen
