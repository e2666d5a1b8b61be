"""Copies of a model in processes: the answers are those of one copy, and none outlives the engine."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from genprm.engines import open_engine
from genprm.engines.base import Completion, Engine, EngineError, Sampling
from genprm.settings import EngineSettings
from tests.genprm.engines.backends import EMBEDDED, opened

PROMPTS = [f"Step {number}: Sam has {number} keys." for number in range(24)]


def copies(engine: Engine) -> list[psutil.Process]:
    return [psutil.Process(replica._process.pid) for replica in engine._replicas]  # type: ignore[attr-defined]


@pytest.fixture
def engine(model: str) -> Iterator[Engine]:
    with opened("transformers copied", model) as engine:
        yield engine


async def drawn(engine: Engine) -> list[Completion]:
    """Two completions of each prompt."""
    sampling = Sampling(max_tokens=20, seed=3, logprobs=2)
    pairs = await asyncio.gather(*(engine.complete(prompt, sampling, n=2) for prompt in PROMPTS))
    return [completion for pair in pairs for completion in pair]


@pytest.mark.slow
def test_two_copies_say_what_one_says(engine: Engine, model: str) -> None:
    with opened("transformers", model) as alone:
        expected = asyncio.run(drawn(alone))
    for one, other in zip(expected, asyncio.run(drawn(engine)), strict=True):
        assert (one.text, one.tokens, one.prompt_tokens) == (other.text, other.tokens, other.prompt_tokens)
        for first, second in zip(one.top_logprobs, other.top_logprobs, strict=True):
            assert first == pytest.approx(second, abs=1e-4)


@pytest.mark.slow
async def test_both_copies_work_and_prompts_are_counted_once(engine: Engine) -> None:
    done = await drawn(engine)
    assert len(copies(engine)) == 2
    assert all(replica.seen > 0 for replica in engine._replicas)  # type: ignore[attr-defined]
    assert engine.prompt_tokens_seen == sum(completion.prompt_tokens for completion in done)  # type: ignore[attr-defined]


@pytest.mark.slow
async def test_a_copy_that_dies_fails_its_requests_by_name_and_what_it_answered_stays(engine: Engine) -> None:
    before = await drawn(engine)
    assert all(completion.tokens for completion in before)
    running = [
        asyncio.ensure_future(engine.complete(prompt, Sampling(max_tokens=450), n=8)) for prompt in PROMPTS[:6]
    ]
    await asyncio.sleep(0.05)
    copies(engine)[0].kill()
    ended = await asyncio.gather(*running, return_exceptions=True)
    errors = [one for one in ended if isinstance(one, BaseException)]
    assert errors
    assert all(isinstance(error, EngineError) for error in errors)
    assert any("copy (engine.replicas) ended by signal 9" in str(error) for error in errors)
    with pytest.raises(EngineError, match="ended by signal 9"):
        await engine.complete(PROMPTS[0], Sampling(max_tokens=1))


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_is_refused_in_the_words_of_one_copy(model: str, tmp_path: Path) -> None:
    broken = shutil.copytree(model, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(EngineError) as alone:
        open_engine(str(broken), EMBEDDED)
    before = psutil.Process().children()
    with pytest.raises(EngineError) as copied:
        open_engine(str(broken), EMBEDDED.model_copy(update={"replicas": 2}))
    assert str(copied.value) == str(alone.value)
    assert set(psutil.Process().children()) <= set(before)


@pytest.mark.slow
def test_closing_leaves_no_process(model: str) -> None:
    with opened("transformers copied", model) as engine:
        asyncio.run(drawn(engine))
        processes = copies(engine)
        assert len(processes) == 2
    assert not any(process.is_running() for process in processes)


OWNER = """
import sys, time
from genprm.engines import open_engine
from genprm.settings import EngineSettings
engine = open_engine(sys.argv[1], EngineSettings(backend="transformers", replicas=2))
print([replica._process.pid for replica in engine._replicas], flush=True)
time.sleep(600)
"""


@pytest.mark.slow
def test_copies_end_when_their_program_is_killed(model: str) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER, model], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pids = [int(pid) for pid in owner.stdout.readline().strip("[]\n").split(",")]
        assert len(pids) == 2
        os.kill(owner.pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while any(psutil.pid_exists(pid) and _runs(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_other_backends_are_not_copied() -> None:
    with pytest.raises(ValueError, match=r"engine.replicas is 2, allowed with backend 'vllm': 1"):
        EngineSettings(backend="vllm", replicas=2)
