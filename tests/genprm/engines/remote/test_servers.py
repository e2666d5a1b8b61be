"""Models on servers that are there: balanced, and whole when one of them dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from genprm.engines import open_engine
from genprm.engines.base import Completion, Engine, EngineDead, EngineError, Sampling
from genprm.engines.remote.http import Retries
from genprm.engines.remote.servers import open_servers
from genprm.profiles import load_profile
from genprm.settings import EngineSettings, SettingsError
from tests.genprm.engines.backends import EMBEDDED, served_by
from tests.genprm.engines.completions_server import Answer, CompletionsServer

PROMPTS = [f"Problem {number}: Sam has {number} keys and gives Tom some. " * 3 for number in range(24)]
GREEDY = Sampling(max_tokens=24, temperature=0.0, logprobs=2)
QUICK = Retries(attempts=2, first_delay=0.01)


@contextlib.contextmanager
def serving(answer: Answer, count: int, name: str = "policy", **options: Any) -> Iterator[list[CompletionsServer]]:
    servers = [CompletionsServer(answer, name, **options) for _ in range(count)]
    try:
        yield servers
    finally:
        for server in servers:
            with contextlib.suppress(ValueError):  # a test may have closed it
                server.close()


def settings(addresses: Mapping[str, list[str]]) -> EngineSettings:
    return EngineSettings(backend="openai", dtype="float32", max_context=1024, servers=addresses)  # type: ignore[arg-type]


@contextlib.contextmanager
def connected(model: str, servers: list[CompletionsServer]) -> Iterator[Engine]:
    engine = open_servers("policy", model, settings({"policy": [server.url for server in servers]}), QUICK)
    for server in servers:
        server.bodies.clear()
    try:
        yield engine
    finally:
        asyncio.run(engine.close())


async def greedy(engine: Engine) -> list[Completion]:
    found = await asyncio.gather(*(engine.complete(prompt, GREEDY) for prompt in PROMPTS))
    return [completion for (completion,) in found]


def words(completions: list[Completion]) -> list[tuple[str, int]]:
    return [(completion.text, completion.tokens) for completion in completions]


@pytest.fixture
def alone(engine_of: Callable[[str, str], Engine], model: str) -> Engine:
    """The embedded engine, which also stands behind the servers."""
    return engine_of("transformers", model)


def test_two_servers_say_what_the_embedded_engine_says_and_both_work(alone: Engine, model: str) -> None:
    expected = asyncio.run(greedy(alone))
    with serving(served_by(alone, model), 2) as servers, connected(model, servers) as engine:
        found = asyncio.run(greedy(engine))
        assert words(found) == words(expected)
        asked = [len(server.bodies) for server in servers]
    assert sum(asked) == len(PROMPTS)
    assert min(asked) >= len(PROMPTS) // 3


def test_a_conversation_stays_with_the_server_that_read_its_beginning(alone: Engine, model: str) -> None:
    with serving(served_by(alone, model), 2) as servers, connected(model, servers) as engine:
        for turn in range(4):
            asyncio.run(engine.complete(PROMPTS[0] + "Step: 1 + 1 = 2. " * turn, GREEDY))
        assert sorted(len(server.bodies) for server in servers) == [0, 4]


def test_work_of_a_server_that_is_killed_is_done_by_another(
    alone: Engine, model: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = served_by(alone, model)
    asked = 0

    async def slowly(body: Mapping[str, Any]) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.2)
        return await answer(body)

    async def work(engine: Engine) -> list[Completion]:
        running = asyncio.ensure_future(greedy(engine))
        while asked < 8:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.to_thread(servers[0].close)
        return await running

    expected = asyncio.run(greedy(alone))
    with serving(slowly, 2) as servers, connected(model, servers) as engine:
        asked = 0
        found = asyncio.run(work(engine))
        assert servers[0].abandoned
        url = servers[0].url
    assert words(found) == words(expected)
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert url in line
    assert "what it worked on goes to the other copy" in line


def test_the_death_of_all_is_one_line(model: str) -> None:
    with serving(never, 2) as servers, connected(model, servers) as engine:

        async def work() -> None:
            running = asyncio.gather(*(engine.complete(prompt, Sampling(5)) for prompt in PROMPTS))
            while sum(server.working for server in servers) < len(PROMPTS):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            for server in servers:
                await asyncio.to_thread(server.close)
            await running

        with pytest.raises(EngineDead, match=r"^http://127.0.0.1:\d+/v1/completions: .*after 2 attempts\)$"):
            asyncio.run(asyncio.wait_for(work(), 30))
        with pytest.raises(EngineDead, match="after 2 attempts"):
            asyncio.run(engine.complete("2 + 2", Sampling(5)))


async def never(body: Mapping[str, Any]) -> dict[str, Any]:
    """Answers nothing but the questions at the beginning, which are one token long."""
    if body["max_tokens"] > 1:
        await asyncio.sleep(3600)
    return {"text": "Sam", "finish_reason": "length", "usage": {"completion_tokens": 1}}


def test_a_server_that_is_not_there_is_left_out_with_a_line(
    alone: Engine, model: str, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(served_by(alone, model), 2) as servers:
        servers[1].close()
        with connected(model, servers) as engine:
            assert words(asyncio.run(greedy(engine))) == words(asyncio.run(greedy(alone)))
        assert f"{servers[1].url}/v1/models" in caplog.text
        assert "it is left out" in caplog.text


def test_a_server_of_another_model_is_refused_by_address(model: str) -> None:
    with serving(never, 1) as right, serving(never, 1, name="other") as wrong:
        urls = [right[0].url, wrong[0].url]
        with pytest.raises(EngineError, match=rf"^{wrong[0].url} does not serve 'policy'.*it serves 'other'"):
            open_servers("policy", model, settings({"policy": urls}), QUICK)


def test_a_model_without_an_address_is_named_with_those_that_have_one_and_a_way_out() -> None:
    said = r"no address for the model 'miniature/policy' or .*'a', 'b'\. Serve it .*or set engine.backend to"
    with pytest.raises(EngineError, match=said) as error:
        open_engine("miniature/policy", settings({"a": ["http://one:1"], "b": ["http://two:2"]}))
    assert "\n" not in str(error.value)


def test_a_checkpoint_that_nobody_serves_is_named_by_its_directory_and_its_key(tmp_path: Path, model: str) -> None:
    made = tmp_path / "checkpoints" / "base.main.full" / "5d8e"
    shutil.copytree(model, made)
    with pytest.raises(EngineError, match=f"no address for the model '{made}' or 'base.main.full'"):
        open_engine(str(made), settings({"policy": ["http://one:1"]}))


def test_beside_another_backend_only_models_with_an_address_are_asked_there(
    alone: Engine, model: str, tmp_path: Path
) -> None:
    elsewhere = shutil.copytree(model, tmp_path / "elsewhere")
    with serving(served_by(alone, model), 1, str(elsewhere)) as servers:
        mixed = EMBEDDED.model_copy(update={"servers": {str(elsewhere): (servers[0].url,)}})
        found = [open_engine(str(path), mixed) for path in (elsewhere, model)]
        texts = [words(asyncio.run(greedy(engine))) for engine in found]
        for engine in found:
            asyncio.run(engine.close())
        asked = sum(body["max_tokens"] > 1 for body in servers[0].bodies)
    assert [engine.provenance.engine for engine in found] == ["openai", "transformers"]
    assert texts[0] == texts[1] == words(asyncio.run(greedy(alone)))
    assert asked == len(PROMPTS)


def test_addresses_are_set_by_name_in_profiles_and_on_the_command_line() -> None:
    changes = ["engine.backend=openai", "engine.servers.Qwen/Qwen2.5-7B=[http://one:1/v1,http://two:2/v1]"]
    changes += ["engine.servers.miniature.main.full=http://three:3"]
    servers = load_profile("miniature", changes).engine.servers
    assert servers["Qwen/Qwen2.5-7B"] == ("http://one:1/v1", "http://two:2/v1")
    assert servers["miniature.main.full"] == ("http://three:3",)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["engine.backend=openai", "engine.servers.a=[]"], "engine.servers.a: .* at least 1"),
        (["engine.backend=openai", "engine.servers.a=one:1"], "engine.servers.a.0: .*got 'one:1'"),
        (
            ["engine.backend=openai", "engine.servers.a=http://one:1", "engine.url=http://two:2"],
            "allowed without engine.url and engine.served_model",
        ),
        (["engine.backend=openai", "engine.replicas=2"], "engine.replicas is 2.*several addresses"),
        (["engine.tensor_parallel=2"], "engine.tensor_parallel is 2, allowed with backend 'vllm'"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(changes: list[str], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as error:
        load_profile("miniature", changes)
    assert "\n" not in str(error.value)


def test_settings_without_servers_are_written_as_before() -> None:
    added = {"servers", "tensor_parallel", "gpu_memory_utilization", "quantization"}
    assert not added & EngineSettings().model_dump().keys()
