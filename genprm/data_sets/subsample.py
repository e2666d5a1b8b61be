"""Part of a benchmark, chosen so that it represents the whole."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from genprm.records import BenchmarkCase


def subsample_each(cases: Sequence[BenchmarkCase], limit: int | None) -> list[BenchmarkCase]:
    """`subsample` of every subset, the subsets in the order in which the cases first name them."""
    subsets: dict[str, list[BenchmarkCase]] = {}
    for case in cases:
        subsets.setdefault(case.subset, []).append(case)
    return [case for members in subsets.values() for case in subsample(members, limit)]


def subsample(cases: Sequence[BenchmarkCase], limit: int | None) -> list[BenchmarkCase]:
    """`limit` cases, chosen by the hash of their id, in the order of the data; all cases if `limit` is None.

    The released files of ProcessBench hold the solutions with an error first: a prefix has no right solution, and
    therefore no F1. A larger limit only adds cases.
    """
    if limit is None or limit >= len(cases):
        return list(cases)
    chosen = sorted(range(len(cases)), key=lambda index: hashlib.sha256(cases[index].id.encode()).digest())[:limit]
    return [cases[index] for index in sorted(chosen)]
