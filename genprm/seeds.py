"""Seeds of single samples, for engines that draw their own random numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def sample_seed(seed: int, sample: int, prompt: Sequence[int]) -> int:
    """A 63-bit seed from the request's seed, the index of the sample and the prompt's tokens.

    The prompt is part of it so that different prompts under one seed are drawn independently.

    >>> sample_seed(7, 0, [1, 2]) == sample_seed(7, 0, [1, 2]) != sample_seed(7, 1, [1, 2])
    True
    """
    text = f"{seed}/{sample}/{','.join(map(str, prompt))}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
