"""Copies of a model in processes: the answers are those of one copy, and none outlives the engine."""

from __future__ import annotations

import asyncio
import contextlib
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

from genprm.engines import open_engine, resolve_model
from genprm.engines.base import Completion, Engine, EngineError, Sampling
from genprm.engines.copies.devices import Devices
from genprm.engines.copies.processes import ReplicaDied
from tests.genprm.engines.backends import EMBEDDED, VLLM_MARKS, opened

PROMPTS = [f"Step {number}: Sam has {number} keys." for number in range(24)]


def copies(engine: Engine) -> list[psutil.Process]:
    return [psutil.Process(replica._process.pid) for replica in engine._copies]  # type: ignore[attr-defined]


@pytest.fixture(params=["transformers", pytest.param("vllm", marks=VLLM_MARKS)])
def backend(request: pytest.FixtureRequest) -> str:
    """What each copy runs."""
    return str(request.param)


@pytest.fixture
def weights(backend: str, model: str) -> str:
    """The model that is copied; vLLM has no kernel for heads as small as those of the random one."""
    return resolve_model("miniature/rationale") if backend == "vllm" else model


@pytest.fixture
def engine(backend: str, weights: str) -> Iterator[Engine]:
    with opened(f"{backend} copied", weights) as engine:
        yield engine


async def drawn(engine: Engine) -> list[Completion]:
    """Two completions of each prompt."""
    sampling = Sampling(max_tokens=20, seed=3, logprobs=2)
    pairs = await asyncio.gather(*(engine.complete(prompt, sampling, n=2) for prompt in PROMPTS))
    return [completion for pair in pairs for completion in pair]


@pytest.mark.slow
def test_two_copies_say_what_one_says_and_both_work(engine: Engine, backend: str, weights: str) -> None:
    with opened(backend, weights) as alone:
        expected = asyncio.run(drawn(alone))
    found = asyncio.run(drawn(engine))
    for one, other in zip(expected, found, strict=True):
        assert (one.text, one.tokens, one.prompt_tokens) == (other.text, other.tokens, other.prompt_tokens)
        for first, second in zip(one.top_logprobs, other.top_logprobs, strict=True):
            assert first == pytest.approx(second, abs=1e-4)
    assert len(copies(engine)) == 2
    assert all(replica.prompt_tokens_seen > 0 for replica in engine._copies)  # type: ignore[attr-defined]
    seen = engine.prompt_tokens_seen  # type: ignore[attr-defined]
    assert seen == sum(completion.prompt_tokens for completion in found), "prompts are counted once"


@pytest.mark.slow
async def test_work_of_a_copy_that_dies_is_done_by_the_other(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    sampling = Sampling(max_tokens=200, temperature=0.0)
    expected = [await engine.complete(prompt, sampling) for prompt in PROMPTS[:6]]
    running = [asyncio.ensure_future(engine.complete(prompt, sampling)) for prompt in PROMPTS[:6]]
    await asyncio.sleep(0.05)
    copies(engine)[0].kill()
    found = await asyncio.gather(*running)
    assert [one.text for (one,) in found] == [one.text for (one,) in expected]
    assert "copy (engine.replicas) ended by signal 9; what it worked on goes to the other copy" in caplog.text


@pytest.mark.slow
async def test_the_death_of_the_last_copy_fails_its_requests_by_name(engine: Engine) -> None:
    running = [
        asyncio.ensure_future(engine.complete(prompt, Sampling(max_tokens=450), n=8)) for prompt in PROMPTS[:6]
    ]
    await asyncio.sleep(0.05)
    killed = copies(engine)
    for process in killed:
        process.kill()
    ended = await asyncio.gather(*running, return_exceptions=True)
    errors = [one for one in ended if isinstance(one, BaseException)]
    assert errors
    assert all(isinstance(error, ReplicaDied) for error in errors)
    with pytest.raises(ReplicaDied, match=r"copy \(engine.replicas\) ended by signal 9"):
        await engine.complete(PROMPTS[0], Sampling(max_tokens=1))
    await_end_of({process.pid for process in killed})


def await_end_of(sessions: set[int]) -> None:
    """Returns once nothing of these sessions is left: what is killed takes a moment to go."""
    while left_of(sessions):
        time.sleep(0.1)


def left_of(sessions: set[int]) -> list[str]:
    """What lives of sessions of processes: the engines of vLLM are processes of their own."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.name())
    return found


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


OWNER = """
import sys, time
from genprm.engines import open_engine
from genprm.settings import EngineSettings
engine = open_engine(sys.argv[1], EngineSettings(backend="transformers", replicas=2))
print([replica._process.pid for replica in engine._copies], flush=True)
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


@pytest.mark.slow
def test_each_process_sees_the_devices_that_are_its_own_and_closing_leaves_none(model: str) -> None:
    engine = open_engine(model, EMBEDDED.model_copy(update={"replicas": 2}), Devices(("4", "7")))
    processes = copies(engine)
    try:
        assert [process.environ()["CUDA_VISIBLE_DEVICES"] for process in processes] == ["4", "7"]
        asyncio.run(drawn(engine))
    finally:
        asyncio.run(engine.close())
    assert not any(process.is_running() for process in processes)
