"""Everything that a sandbox promises is tested at each level that this machine has."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

import pytest

from genprm.sandbox import open_sandbox, probe
from genprm.sandbox.base import Sandbox
from genprm.settings import SandboxSettings


@pytest.fixture(scope="package", params=[1, 2], ids=["level-1", "level-2"])
def level(request: pytest.FixtureRequest) -> int:
    """The isolation levels that are chosen unasked. One that cannot be had is skipped, with what it takes, unless
    GENPRM_REQUIRED_LEVELS (such as "1,2") names it."""
    wanted: int = request.param
    if probe.lacking(wanted):
        required = os.environ.get("GENPRM_REQUIRED_LEVELS", "").split(",")
        (pytest.fail if str(wanted) in required else pytest.skip)(probe.refusal(wanted))
    return wanted


@pytest.fixture
async def sandbox(settings: SandboxSettings) -> AsyncIterator[Sandbox]:
    """A sandbox for one test, by the `settings` of its module."""
    sandbox = open_sandbox(settings)
    yield sandbox
    await sandbox.close()


@pytest.fixture(scope="module")
def shared(settings: SandboxSettings) -> Iterator[Sandbox]:
    """One sandbox for all tests of a module."""
    sandbox = open_sandbox(settings)
    yield sandbox
    asyncio.run(sandbox.close())
