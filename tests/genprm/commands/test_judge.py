"""When `genprm judge` prints and writes, and what is left where something goes wrong."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import genprm.prm
from genprm.cli import app
from genprm.commands.progress import progress_bar
from genprm.engines.base import Completion, EngineError, Sampling
from tests.genprm.scripted_engine import ScriptedEngine
from tests.genprm.scripted_judge import EchoSandbox, last_step, reply, verdict


def printed() -> str:
    return sys.stdout.buffer.getvalue().decode()  # type: ignore[attr-defined]


class Script(ScriptedEngine):
    """Steps say what happens: `late` waits until an early one is printed, `slow` takes its time, and `broken` ends
    in an error when three others have their verdicts."""

    verdicts = 0

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        step = last_step(prompt)
        end = time.monotonic() + 60
        while ("late" in step and "early" not in printed()) or ("broken" in step and self.verdicts < 3):
            assert time.monotonic() < end, f"{step} was waited for in vain"
            await asyncio.sleep(0.05)
        if "broken" in step:
            raise EngineError("the engine broke")
        if "slow" in step:
            await asyncio.sleep(0.05)
        found = await super().complete(prompt, sampling, n)
        self.verdicts += sampling.max_tokens == 1
        return found


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    found = Script(reply, verdict)
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    monkeypatch.setattr(genprm.prm, "open_engine", lambda model, settings: found)
    monkeypatch.setattr(genprm.prm, "open_sandbox", lambda settings: EchoSandbox())
    monkeypatch.setenv("GENPRM_HOME", str(tmp_path / "home"))
    return found


def judge(folder: Path, steps: list[str], *arguments: str) -> Result:
    rows = "".join(json.dumps({"id": step, "problem": "Add.", "steps": [step]}) + "\n" for step in steps)
    return CliRunner().invoke(app, ["judge", "--model", str(folder), *arguments], input=rows)


@pytest.mark.parametrize("arguments", [[], ["--json"]])
@pytest.mark.usefixtures("engine")
def test_each_is_printed_as_soon_as_all_before_it_are(tmp_path: Path, arguments: list[str]) -> None:
    told = judge(tmp_path, ["early", "late", "slow", "last"], *arguments)
    assert (told.exit_code, told.exception) == (0, None)
    places = [told.stdout.index(step) for step in ("early", "late", "slow", "last")]
    assert places == sorted(places)


@pytest.mark.usefixtures("engine")
def test_what_was_finished_before_an_error_is_printed(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    told = judge(tmp_path, ["one", "broken", "three, slow", "four"], "--json", "--html", str(page))
    assert told.exit_code == 2
    assert told.stderr.endswith("the engine broke\n")
    assert [json.loads(line)["id"] for line in told.stdout.splitlines()] == ["one", "three, slow", "four"]
    assert not page.exists()


@pytest.mark.parametrize("page", ["file/page.html", "folder"])
def test_a_page_that_cannot_be_written_is_refused_before_anything_is_judged(
    tmp_path: Path, engine: Script, page: str
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    told = judge(tmp_path, ["one"], "--html", str(tmp_path / page))
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.stderr.startswith(f"genprm: file '{tmp_path / page}' cannot be written: ")
    assert engine.requests == []


@pytest.mark.usefixtures("engine")
def test_an_id_that_is_null_is_no_name(tmp_path: Path) -> None:
    row = {"id": None, "problem": "Add.", "steps": ["1 + 1 = 2"]}
    told = CliRunner().invoke(app, ["judge", "--model", str(tmp_path)], input=json.dumps(row))
    assert told.stdout.startswith("Add.\n")


def test_what_is_printed_beside_a_bar_goes_to_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out, errors = io.StringIO(), Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", errors)
    with progress_bar("judged", 2) as bar:
        bar(1)
        with bar.away():
            print("a result")
        bar(1)
    assert out.getvalue() == "a result\n"
    assert "judged" in errors.getvalue()
