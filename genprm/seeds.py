"""Seeds that depend on what is asked and on nothing else, so that no result depends on what else is in flight."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from genprm.fingerprints import fingerprint


def derived_seed(*parts: object) -> int:
    """A 31-bit seed of a request, from everything that tells it from others.

    >>> derived_seed(0, "problem-7", 1) == derived_seed(0, "problem-7", 1) != derived_seed(0, "problem-7", 2)
    True
    """
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def sample_seed(seed: int, sample: int, prompt: Sequence[int]) -> int:
    """A 63-bit seed of one sample, from the seed of the request, the index of the sample and the prompt's tokens,
    for engines that draw their own random numbers.

    The prompt is part of it so that different prompts under one seed are drawn independently.

    >>> sample_seed(7, 0, [1, 2]) == sample_seed(7, 0, [1, 2]) != sample_seed(7, 1, [1, 2])
    True
    """
    text = f"{seed}/{sample}/{','.join(map(str, prompt))}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def case_id(problem: str, steps: Sequence[str]) -> str:
    """Name a solution by a hash of its content (16 hex digits), so that it gets the same samples whenever and
    wherever it is scored."""
    return fingerprint(json.dumps([problem, *steps]))
