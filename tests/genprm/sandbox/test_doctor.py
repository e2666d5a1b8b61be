"""`genprm sandbox doctor`: the level, each primitive, and what a better level takes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from genprm.commands.sandbox import app
from genprm.sandbox import probe
from genprm.sandbox.base import SandboxError


@pytest.fixture(autouse=True)
def _tried_anew() -> Iterator[None]:
    probe.primitive.cache_clear()
    yield
    probe.primitive.cache_clear()


def test_it_names_the_level_and_every_primitive(level: int) -> None:
    result = CliRunner().invoke(app, ["doctor", "--level", str(level)])
    assert result.exit_code == 0
    assert f"sandbox level {level} is used" in result.output
    assert "a block printed 42 and ended with ok" in result.output
    assert all(name in result.output for name in probe.REMEDIES)


def test_it_says_what_a_better_level_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    result = CliRunner().invoke(app, ["doctor", "--level", "1"])
    assert isinstance(result.exception, SandboxError)
    assert "missing  bubblewrap" in result.output
    assert "apt-get install bubblewrap" in result.output
    assert "sandbox level 2 can be had" in result.output
