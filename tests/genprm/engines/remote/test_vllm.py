"""What is particular to vLLM in this program: cancelled requests leave it, and its death is no endless wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import psutil
import pytest

from genprm.engines import open_engine, resolve_model
from genprm.engines.base import Engine, EngineError, Sampling
from genprm.settings import EngineSettings
from tests.genprm.engines.backends import IN_PROCESS_VLLM, need_vllm

MODEL = resolve_model("miniature/rationale")
ENDLESS = Sampling(max_tokens=1000, temperature=2.0, seed=1)
"""The model hits upon its end token now and then, but seldom early in all of many samples."""


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_cancelling_ends_the_requests_in_vllm(engine_of: Callable[[str, str], Engine]) -> None:
    engine = engine_of("vllm", MODEL)
    unfinished = engine._engine.output_processor.get_num_unfinished_requests  # type: ignore[attr-defined]
    task = asyncio.create_task(engine.complete("S", ENDLESS, n=40))
    await until(lambda: unfinished() > 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: unfinished() == 0)


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_a_request_that_vllm_refuses_is_an_engine_error(engine_of: Callable[[str, str], Engine]) -> None:
    engine = engine_of("vllm", MODEL)
    with pytest.raises(EngineError, match=r"vllm refused a request: temperature must be in \[0, 2\], got 5\.0"):
        await engine.complete("S", Sampling(max_tokens=5, temperature=5.0))
    assert (await engine.complete("S", Sampling(max_tokens=5)))[0].tokens > 0


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.fixture
def own_processes() -> Callable[[], list[psutil.Process]]:
    """The processes that the test started."""
    before = set(psutil.Process().children(recursive=True))
    return lambda: [process for process in psutil.Process().children(recursive=True) if process not in before]


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_a_dead_engine_fails_what_is_in_flight_and_keeps_what_is_done(
    own_processes: Callable[[], list[psutil.Process]],
) -> None:
    need_vllm()
    engine = open_engine("miniature/rationale", IN_PROCESS_VLLM)
    (done,) = await engine.complete("S", Sampling(max_tokens=5, temperature=0.0))
    running = [asyncio.create_task(engine.complete("S", ENDLESS, n=20)) for _ in range(3)]
    await asyncio.sleep(0.2)
    for process in own_processes():
        process.kill()
    for task in running:
        with pytest.raises(EngineError, match=r"model .*rationale: the vllm engine died"):
            await asyncio.wait_for(task, 120)
    with pytest.raises(EngineError, match="the vllm engine died"):
        await engine.complete("S", Sampling(max_tokens=5))
    assert 0 < done.tokens <= 5
    await engine.close()
    await engine.close()
    with pytest.raises(EngineError, match="died"):
        await engine.complete("S", Sampling(max_tokens=5))


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_closing_fails_what_is_in_flight_and_ends_the_processes(
    own_processes: Callable[[], list[psutil.Process]],
) -> None:
    need_vllm()
    engine = open_engine("miniature/rationale", IN_PROCESS_VLLM)
    running = asyncio.create_task(engine.complete("S", ENDLESS, n=20))
    await asyncio.sleep(0.2)
    # Python's own helper for shared memory lives as long as the program.
    started = [process for process in own_processes() if "resource_tracker" not in " ".join(process.cmdline())]
    assert started
    await engine.close()
    with pytest.raises(EngineError, match="the engine is closed"):
        await running
    with pytest.raises(EngineError, match="the engine is closed"):
        await engine.complete("S", Sampling(max_tokens=5))
    _, alive = psutil.wait_procs(started, timeout=60)
    assert not alive


def test_without_vllm_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genprm.engines.remote.vllm.importlib.util.find_spec", lambda name: None)
    with pytest.raises(EngineError, match=r"engine\.backend 'vllm' needs vLLM.*genprm\[gpu\].*genprm\[cpu\]"):
        open_engine("miniature/rationale", EngineSettings(backend="vllm"))
