"""What is kept of finished sequences: the longest common prefix, its own keys and values, within its memory."""

from __future__ import annotations

import random
from functools import partial

import pytest
import torch

from genprm.engines.embedded.prefixes import PrefixCache

BYTES = 4


def state_of(tokens: tuple[int, ...], start: int, end: int) -> torch.Tensor:
    """A state (end - start, 1): each number depends on all tokens up to its own, as keys and values do."""
    return torch.tensor([[float(hash(tokens[: i + 1]) % 2**20)] for i in range(start, end)])


def common(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def random_tokens(draw: random.Random) -> tuple[int, ...]:
    return tuple(draw.choices((0, 1, 2), weights=(8, 1, 1), k=draw.randint(0, 30)))


@pytest.mark.parametrize("seed", range(20))
def test_the_longest_common_prefix_is_found_with_its_state(seed: int) -> None:
    draw = random.Random(seed)
    cache, kept = PrefixCache(10**6), [()]
    for _ in range(60):
        tokens, asked = random_tokens(draw), random_tokens(draw)
        cache.add(tokens, partial(state_of, tokens))
        kept.append(tokens)
        found = cache.find(asked)
        assert found.length == max(common(asked, other) for other in kept)
        if found.length:
            assert torch.equal(found.state(), state_of(asked, 0, found.length))
    prefixes = {tokens[: i + 1] for tokens in kept for i in range(len(tokens))}
    assert cache.bytes == BYTES * len(prefixes)  # what sequences share is kept once


@pytest.mark.parametrize("seed", range(20))
def test_memory_is_bounded_and_what_is_left_is_right(seed: int) -> None:
    draw = random.Random(seed)
    cache = PrefixCache(40 * BYTES)
    for _ in range(200):
        tokens = random_tokens(draw)
        cache.add(tokens, partial(state_of, tokens))
        assert cache.bytes <= 40 * BYTES
        asked = random_tokens(draw)
        found = cache.find(asked)
        if found.length:
            assert torch.equal(found.state(), state_of(asked, 0, found.length))


def test_what_was_not_used_for_longest_goes_first() -> None:
    cache = PrefixCache(3 * 10 * BYTES)
    a, b, c, d = (tuple(range(n, n + 10)) for n in (0, 100, 200, 300))
    for tokens in (a, b, c):
        cache.add(tokens, partial(state_of, tokens))
    cache.find(a)
    cache.add(d, partial(state_of, d))
    assert [cache.find(tokens).length for tokens in (a, b, c, d)] == [10, 0, 10, 10]


@pytest.mark.parametrize("limit", [0, 9 * BYTES])
def test_what_does_not_fit_is_not_kept(limit: int) -> None:
    cache = PrefixCache(limit)
    tokens = tuple(range(10))
    cache.add(tokens, partial(state_of, tokens))
    assert (cache.find(tokens).length, cache.bytes) == (0, 0)
