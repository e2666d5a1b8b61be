"""Many executions with hostile ones among them (100,000 by `genprm bench sandbox --soak 100000`)."""

from __future__ import annotations

import pytest

from genprm.settings import SandboxSettings
from genprm.speed.soak import soak


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_no_result_is_lost_late_or_of_another_block_and_nothing_is_left(level: int) -> None:
    settings = SandboxSettings(level=level, seconds=1.0, memory_mb=256)
    result = await soak(settings, executions=2000, seed=1)

    assert result.wrong == []
    assert result.processes_left == 0
    assert result.executions == sum(result.statuses.values()) == 2000
    assert result.hostile >= 10
    assert result.states["replayed"] > 0
