"""From logits to the next token, for a whole batch at once, each row with its own parameters and its own numbers.

A row's random numbers come from a counter-based generator keyed by the request alone, and the token is found by
inverting the row's cumulative distribution. So a request gives the same text whatever else is in the batch, as
far as floating-point rounding of the logits (which may depend on the shape of the batch) allows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch

_FIRST_CANDIDATES = 64


def uniform_stream(seed: int, sample: int, prompt: Sequence[int]) -> np.random.Generator:
    """The random numbers of one sample: a Philox generator keyed by seed, sample index and prompt tokens.

    The prompt is part of the key so that different prompts under one seed are drawn independently.
    """
    text = f"{seed}/{sample}/".encode() + np.asarray(prompt, dtype=np.int64).tobytes()
    key = np.frombuffer(hashlib.blake2b(text, digest_size=16).digest(), dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def _invert(masses: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
    """Index drawn from each row of unnormalised `masses` (rows, choices) by `uniforms` in (0, 1]."""
    cumulative = masses.cumsum(-1)
    return torch.searchsorted(cumulative, cumulative[:, -1:] * uniforms[:, None])[:, 0]


def _truncated(
    logits: torch.Tensor, top_p: torch.Tensor, top_k: torch.Tensor, uniforms: torch.Tensor
) -> torch.Tensor:
    """Top-k, then top-p on what is left, as in the reference implementations."""
    vocabulary = logits.shape[-1]
    limited = bool((top_k > 0).all())
    candidates = min(vocabulary, int(top_k.max()) if limited else max(_FIRST_CANDIDATES, int(top_k.max())))
    everything = None if limited else logits.logsumexp(-1, keepdim=True)
    while True:
        values, tokens = logits.topk(candidates, dim=-1)
        ranks = torch.arange(candidates, device=logits.device)
        limits = torch.where(top_k > 0, top_k, vocabulary)[:, None]
        values = values.masked_fill(ranks >= limits, -torch.inf)
        total = values.logsumexp(-1, keepdim=True)
        if everything is not None:
            total = torch.where(top_k[:, None] > 0, total, everything)
        masses = (values - total).exp()
        cumulative = masses.cumsum(-1)
        covered = (top_k > 0) | (cumulative[:, -1] >= top_p)
        if limited or candidates == vocabulary or bool(covered.all()):
            break
        candidates = min(vocabulary, 8 * candidates)
    masses = masses.masked_fill(cumulative - masses >= top_p[:, None], 0.0)
    return tokens.gather(1, _invert(masses, uniforms)[:, None])[:, 0]


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

    def __call__(self, logits: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
        """The next token of each row from `logits` (rows, vocabulary, float32) and `uniforms` in (0, 1]."""
        if len(self._greedy) == self._rows:
            return logits.argmax(-1)
        chosen = torch.empty(self._rows, dtype=torch.long, device=logits.device)
        if len(self._greedy):
            chosen[self._greedy] = logits[self._greedy].argmax(-1)
        scaled = logits / self._temperature[:, None]
        if len(self._plain):
            rows = self._plain
            chosen[rows] = _invert(scaled[rows].softmax(-1), uniforms[rows])
        if len(self._cut):
            rows = self._cut
            chosen[rows] = _truncated(scaled[rows], self._top_p[rows], self._top_k[rows], uniforms[rows])
        return chosen
