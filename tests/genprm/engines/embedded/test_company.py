"""What else is in flight changes nothing: the same paths alone, in small batches and all at once."""

from __future__ import annotations

import asyncio

import pytest

from genprm.engines import open_engine
from genprm.profiles import load_profile
from genprm.records import Verification
from genprm.sandbox import open_sandbox
from genprm.speed.verifier import miniature_solutions
from genprm.verification.verifier import Verifier

SOLUTIONS = miniature_solutions(4)
VOTES = 2


def judged(max_batch: int, in_flight: int) -> list[Verification]:
    """Every path over the solutions, at most `in_flight` at a time."""
    profile = load_profile("miniature")
    engine = open_engine("miniature/rationale", profile.engine.model_copy(update={"max_batch": max_batch}))
    sandbox = open_sandbox(profile.sandbox)
    verifier = Verifier(engine, sandbox, profile.rationales.verifier)
    places = asyncio.Semaphore(in_flight)

    async def one(number: int, path: int) -> Verification:
        solution = SOLUTIONS[number]
        async with places:
            return await verifier.verify(str(number), solution.problem, solution.steps, "full", path)

    async def run() -> list[Verification]:
        try:
            return await asyncio.gather(*(one(n, path) for n in range(len(SOLUTIONS)) for path in range(VOTES)))
        finally:
            await engine.close()
            await sandbox.close()

    return asyncio.run(run())


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_paths_are_the_same_whatever_else_is_in_flight() -> None:
    """Texts, counts and rewards, to the last digit."""
    alone = judged(max_batch=1, in_flight=1)
    for together in (judged(max_batch=7, in_flight=12), judged(max_batch=64, in_flight=12)):
        assert together == alone
