"""Choosing tokens: what rounding could tip is called close."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genprm.engines.embedded.sampling import Choice, Chooser

ROWS, VOCABULARY = 4000, 40


def chooser(temperature: float, top_p: float, top_k: int) -> Chooser:
    """The same parameters for every row."""
    return Chooser(np.full(ROWS, temperature), np.full(ROWS, top_p), np.full(ROWS, top_k), "cpu")


def drawn(choose: Chooser, logits: torch.Tensor, seed: int = 5) -> Choice:
    uniforms = 1 - torch.rand(len(logits), generator=torch.Generator().manual_seed(seed))
    return choose(logits, uniforms)


def crowded(seed: int) -> torch.Tensor:
    """Logits of few different values, a rounding apart: order and sums are decided by the last bits."""
    generator = torch.Generator().manual_seed(seed)
    steps = torch.randint(0, 4, (ROWS, VOCABULARY), generator=generator).float()
    return steps + 2e-6 * torch.rand(ROWS, VOCABULARY, generator=generator)


def spread(seed: int) -> torch.Tensor:
    """Logits as a model's: few that matter."""
    return 3 * torch.randn(ROWS, VOCABULARY, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("temperature", "top_p", "top_k"), [(0.0, 1.0, 0), (1.0, 1.0, 0), (0.7, 0.95, 0), (1.0, 1.0, 5), (0.6, 0.9, 20)]
)
@pytest.mark.parametrize("logits", [spread(1), crowded(2)], ids=["spread", "crowded"])
def test_what_rounding_tips_was_called_close(
    logits: torch.Tensor, temperature: float, top_p: float, top_k: int
) -> None:
    choose = chooser(temperature, top_p, top_k)
    before = drawn(choose, logits)
    for seed in range(20):
        noise = 1e-6 * (2 * torch.rand(logits.shape, generator=torch.Generator().manual_seed(seed)) - 1)
        after = drawn(choose, logits + noise)
        tipped = before.tokens != after.tokens
        assert bool(before.close[tipped].all())


def test_few_choices_are_close() -> None:
    for parameters in ((0.0, 1.0, 0), (1.0, 1.0, 0), (0.7, 0.95, 0)):
        assert float(drawn(chooser(*parameters), spread(3)).close.float().mean()) < 0.002


def test_draws_follow_the_distribution() -> None:
    """Against the softmax itself: no token is off by more than five standard errors."""
    one = spread(7)[0]
    choose = chooser(1.0, 1.0, 0)
    tokens = torch.cat([drawn(choose, one.expand(ROWS, -1), seed).tokens for seed in range(25)])
    shares = torch.bincount(tokens, minlength=VOCABULARY) / len(tokens)
    wanted = one.softmax(-1)
    errors = (wanted * (1 - wanted) / len(tokens)).sqrt()
    assert bool(((shares - wanted).abs() <= 5 * errors + 1e-4).all())
