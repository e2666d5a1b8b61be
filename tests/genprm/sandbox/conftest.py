"""Everything that a sandbox promises is tested at each level that this machine has."""

from __future__ import annotations

import os

import pytest

from genprm.sandbox import probe


@pytest.fixture(scope="package", params=[1, 2], ids=["level-1", "level-2"])
def level(request: pytest.FixtureRequest) -> int:
    """The isolation levels that are chosen unasked. One that cannot be had is skipped, with what it takes, unless
    GENPRM_REQUIRED_LEVELS (such as "1,2") names it."""
    wanted: int = request.param
    if probe.lacking(wanted):
        required = os.environ.get("GENPRM_REQUIRED_LEVELS", "").split(",")
        (pytest.fail if str(wanted) in required else pytest.skip)(probe.refusal(wanted))
    return wanted
