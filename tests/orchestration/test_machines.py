"""Engines of one process: how many are open at a time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from genprm.settings import EngineSettings, SandboxSettings
from orchestration import machines
from orchestration.machines import LocalMachines
from tests.genprm.scripted_engine import ScriptedEngine


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The models that are open, in the order of opening."""
    models: list[str] = []

    class Noted(ScriptedEngine):
        async def close(self) -> None:
            models.remove(self.model)
            await super().close()

    def open_engine(model: str, settings: EngineSettings) -> ScriptedEngine:
        models.append(model)
        return Noted(lambda prompt: "Yes", model=model)

    monkeypatch.setattr(machines, "open_engine", open_engine)
    yield models
    assert models == [], "what was opened is closed in the end"


def test_one_engine_is_open_unless_several_are_asked_for_at_once(opened: list[str]) -> None:
    local = LocalMachines(EngineSettings(), SandboxSettings())
    policy = local.engine("policy")
    assert local.engine("policy") is policy
    assert [engine.model for engine in local.engines("policy", "judge")] == opened == ["policy", "judge"]
    assert local.engines("judge", "policy")[1] is policy, "it was open before"
    first, second = local.engines("judge", "judge")
    assert first is second
    assert opened == ["judge"]
    local.engine("critic")
    assert opened == ["critic"]
    local.release()
