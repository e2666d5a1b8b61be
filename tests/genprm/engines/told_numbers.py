"""The embedded engine with the random numbers of servers, so that the same request gives the same text from both.

A server is sent one seed a sample (`genprm.seeds.sample_seed`); the embedded engine keys its numbers by what that
seed is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from genprm.engines.embedded import batch
from genprm.seeds import sample_seed

_Keyed = Callable[[int, int, Sequence[int]], int]


def draw_like_a_server() -> None:
    """This process's embedded engine serves: the seed of a request is the whole key."""
    _draw(lambda seed, sample, prompt: seed)


def draw_like_a_client() -> None:
    """This process's embedded engine draws what servers would draw for it."""
    _draw(sample_seed)


def _draw(key: _Keyed) -> None:
    def stream(seed: int, sample: int, prompt: Sequence[int]) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(key=key(seed, sample, prompt)))

    batch.uniform_stream = stream  # type: ignore[attr-defined]
