"""What is particular to a server: what it says, and what is done when it is in trouble."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import pytest
from aiohttp import web
from tenacity import AsyncRetrying, Future, RetryCallState
from transformers import AutoTokenizer

from genprm.engines import open_engine, resolve_model
from genprm.engines.base import ContextFull, EngineError, Sampling
from genprm.engines.remote.http import Retries
from genprm.engines.remote.openai import KEY_VARIABLE, OpenAIEngine
from genprm.settings import EngineSettings
from tests.genprm.engines.completions_server import Answer, CompletionsServer

MODEL = resolve_model("miniature/rationale")
SAMPLING = Sampling(max_tokens=5)
QUICK = Retries(attempts=4, first_delay=0.01)
SETTINGS = EngineSettings(backend="openai", max_context=1024, request_seconds=1.0)


async def sam(body: Mapping[str, Any]) -> dict[str, Any]:
    """Says Sam."""
    return {
        "text": "Sam",
        "finish_reason": "length",
        "logprobs": {"top_logprobs": [{"Sam": -0.5, "Tom": -1.5}]} if "logprobs" in body else None,
        "usage": {"prompt_tokens": len(body["prompt"]), "completion_tokens": 1},
    }


@contextlib.contextmanager
def serving(
    answer: Answer = sam, model: str = "sam", max_model_len: int | None = None
) -> Iterator[CompletionsServer]:
    server = CompletionsServer(answer, model, max_model_len)
    try:
        yield server
    finally:
        server.close()


@contextlib.asynccontextmanager
async def connected(
    server: CompletionsServer, retries: Retries = QUICK, **changes: Any
) -> AsyncIterator[OpenAIEngine]:
    settings = SETTINGS.model_copy(update={"url": server.url, "served_model": "sam", **changes})
    engine = OpenAIEngine(MODEL, settings, retries=retries)
    server.bodies.clear()
    server.arrivals.clear()
    try:
        yield engine
    finally:
        await engine.close()


@pytest.fixture
def server() -> Iterator[CompletionsServer]:
    with serving() as server:
        yield server


@pytest.mark.parametrize("trouble", [500, 502, 503, 408, 429, "drop", "silence"])
async def test_passing_trouble_is_waited_out(server: CompletionsServer, trouble: Any) -> None:
    async with connected(server, request_seconds=0.3) as engine:
        server.trouble.extend([trouble, trouble])
        (got,) = await engine.complete("Tom", SAMPLING)
    assert got.text == "Sam"
    assert len(server.bodies) == 3
    assert server.bodies[0] == server.bodies[2]


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (500, r"HTTP 500: .*in trouble.* \(after 4 attempts\)"),
        (429, r"HTTP 429: .*in trouble.* \(after 4 attempts\)"),
        ("drop", r"ServerDisconnectedError.* \(after 4 attempts\)"),
        ("silence", r"no answer within 0\.2 s \(after 4 attempts\)"),
    ],
)
async def test_lasting_trouble_is_given_up(server: CompletionsServer, trouble: Any, said: str) -> None:
    async with connected(server, request_seconds=0.2) as engine:
        server.trouble.extend([trouble] * 10)
        with pytest.raises(EngineError, match=rf"{server.url}/v1/completions: {said}"):
            await engine.complete("Tom", SAMPLING)
    assert len(server.bodies) == 4


async def test_a_server_that_is_only_busy_is_asked_until_patience_ends(server: CompletionsServer) -> None:
    patient = Retries(attempts=2, first_delay=0.01, longest_delay=0.02, patience=60.0)
    async with connected(server, patient) as engine:
        server.trouble.extend([503] * 9)
        (got,) = await engine.complete("Tom", SAMPLING)
    assert (got.text, len(server.bodies)) == ("Sam", 10)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 301])
async def test_a_refusal_is_not_repeated(server: CompletionsServer, status: int) -> None:
    async with connected(server) as engine:
        server.trouble.append(status)
        with pytest.raises(EngineError, match=rf"{server.url}/v1/completions: HTTP {status}: .*in trouble"):
            await engine.complete("Tom", SAMPLING)
    assert len(server.bodies) == 1


async def test_retry_after_is_heeded(server: CompletionsServer) -> None:
    async with connected(server) as engine:
        server.trouble.append((429, {"Retry-After": "1"}))
        await engine.complete("Tom", SAMPLING)
    assert server.arrivals[1] - server.arrivals[0] >= 1.0


def test_waits_double_up_to_a_limit_and_vary() -> None:
    retries = Retries(attempts=8, first_delay=1.0, longest_delay=10.0)
    for attempt, longest in enumerate([1, 2, 4, 8, 10, 10, 10], start=1):
        state = RetryCallState(AsyncRetrying(), None, (), {})
        state.attempt_number = attempt
        state.outcome = Future(attempt)
        state.outcome.set_exception(EngineError("in trouble"))
        waits = [retries.wait(state) for _ in range(200)]
        assert longest / 2 <= min(waits) < max(waits) <= longest
        assert max(waits) - min(waits) > longest / 4


@pytest.mark.parametrize("after", ["600", "99999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_a_server_that_asks_for_a_long_wait_is_given_up_at_once(
    server: CompletionsServer, after: str
) -> None:
    async with connected(server) as engine:
        server.trouble.append((503, {"Retry-After": after}))
        with pytest.raises(EngineError, match=r"asks to wait \d+ s, allowed by engine\.request_seconds: 1 s"):
            await engine.complete("Tom", SAMPLING)
    assert len(server.bodies) == 1


@pytest.mark.parametrize("after", ["", "soon", "\u00b2", "-5", "1e9", "NaN", "Fri, 99 Foo 1999 00:00:00 GMT"])
async def test_a_retry_after_without_a_meaning_is_none(server: CompletionsServer, after: str) -> None:
    async with connected(server) as engine:
        server.trouble.append((503, {"Retry-After": after}))
        assert (await engine.complete("Tom", SAMPLING))[0].text == "Sam"
    assert len(server.bodies) == 2


async def test_requests_in_flight_are_bounded() -> None:
    async def slow(body: Mapping[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0.02)
        return await sam(body)

    with serving(slow) as server:
        async with connected(server, max_in_flight=3) as engine:
            calls = [engine.complete(f"Tom {i}", SAMPLING, n=4) for i in range(5)]
            assert [len(done) for done in await asyncio.gather(*calls)] == [4] * 5
    assert server.most == 3
    assert len(server.bodies) == 20


async def test_cancelling_ends_the_requests_in_the_server() -> None:
    async def endless(body: Mapping[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0 if body["max_tokens"] == 1 else 3600)
        return await sam(body)

    with serving(endless) as server:
        async with connected(server, request_seconds=60.0) as engine:
            task = asyncio.create_task(engine.complete("Tom", SAMPLING, n=3))
            await until(lambda: server.working == 3)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: server.abandoned == 3)
            assert (await engine.complete("Tom", Sampling(max_tokens=1)))[0].text == "Sam"


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_closing_does_not_wait_for_a_server_in_trouble(server: CompletionsServer) -> None:
    async with connected(server, Retries(attempts=4, first_delay=1000.0, longest_delay=1000.0)) as engine:
        server.trouble.append(500)
        task = asyncio.create_task(engine.complete("Tom", SAMPLING))
        await until(lambda: len(server.bodies) == 1)
        await asyncio.wait_for(engine.close(), 20)
        with pytest.raises(EngineError, match="the engine is closed"):
            await task


async def test_what_was_finished_before_the_server_died_is_kept() -> None:
    answered = 0

    async def mortal(body: Mapping[str, Any]) -> dict[str, Any]:
        nonlocal answered
        answered += 1
        if answered > 4:  # two of them were the questions at the start
            raise RuntimeError("out of memory")
        return await sam(body)

    with serving(mortal) as server:
        async with connected(server, Retries(attempts=2, first_delay=0.01)) as engine:
            done = await asyncio.gather(
                *(engine.complete("Tom", SAMPLING) for _ in range(4)), return_exceptions=True
            )
    assert sum(isinstance(one, list) for one in done) == 2
    for error in (one for one in done if isinstance(one, BaseException)):
        assert isinstance(error, EngineError)
        assert "HTTP 500" in str(error)


async def test_one_sample_that_fails_fails_its_call_alone(server: CompletionsServer) -> None:
    async with connected(server) as engine:
        server.trouble.append(422)
        with pytest.raises(EngineError, match="HTTP 422"):
            await engine.complete("Tom", SAMPLING, n=3)
        assert len(await engine.complete("Tom", SAMPLING, n=3)) == 3


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (web.Response(text="<html>hello</html>"), "the answer is not JSON: '<html>hello</html>'"),
        (web.json_response([]), r"the answer is not as expected \(.*\): '\[\]'"),
        (web.json_response({"choices": []}), r"the answer is not as expected \(choices: .* at least 1 item"),
    ],
    ids=["a web page", "a list", "no choices"],
)
async def test_an_answer_that_is_none(server: CompletionsServer, answer: web.Response, said: str) -> None:
    async with connected(server) as engine:
        server.trouble.append(answer)
        with pytest.raises(EngineError, match=said):
            await engine.complete("Tom", SAMPLING)


@pytest.mark.parametrize(
    "error", [{"code": "context_length_exceeded"}, {"type": "exceed_context_size_error", "code": 400}]
)
async def test_a_context_that_only_the_server_knows(server: CompletionsServer, error: dict[str, Any]) -> None:
    async with connected(server) as engine:
        server.trouble.append(web.json_response({"error": {"message": "too long", **error}}, status=400))
        with pytest.raises(ContextFull, match="too long"):
            await engine.complete("Tom", SAMPLING)


async def test_a_context_that_the_server_says() -> None:
    with serving(max_model_len=8) as server:
        async with connected(server) as engine:
            with pytest.raises(ContextFull, match="the context holds 8"):
                await engine.complete("Tom has 5 keys. " * 10, SAMPLING)
            await engine.complete("Tom", Sampling(max_tokens=100))
    assert server.bodies[-1]["max_tokens"] + len(server.bodies[-1]["prompt"]) == 8


def test_a_model_that_is_not_served_is_refused_with_what_is(server: CompletionsServer) -> None:
    settings = SETTINGS.model_copy(update={"url": server.url + "/v1/"})
    with pytest.raises(EngineError, match=r"does not serve 'miniature/rationale' or .*; it serves 'sam'"):
        open_engine("miniature/rationale", settings)
    with pytest.raises(EngineError, match=r"does not serve 'tom'; it serves 'sam'"):
        open_engine("miniature/rationale", settings.model_copy(update={"served_model": "tom"}))


async def test_a_model_is_served_under_its_own_name() -> None:
    with serving(model="miniature/rationale") as server:
        engine = open_engine("miniature/rationale", SETTINGS.model_copy(update={"url": server.url}))
        await engine.complete("Tom", SAMPLING)
        await engine.close()
    assert server.bodies[-1]["model"] == "miniature/rationale"
    assert engine.model == MODEL


def test_no_server_no_address() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(EngineError, match=rf"{url}/v1/models: ClientConnectorError.*after 2 attempts"):
            OpenAIEngine(MODEL, SETTINGS.model_copy(update={"url": url}), retries=Retries(2, first_delay=0.01))
    with pytest.raises(EngineError, match=r"engine\.url and engine\.servers are empty"):
        open_engine("miniature/rationale", SETTINGS)
    with pytest.raises(EngineError, match=r"engine\.url 'nonsense' is not the address of a server"):
        open_engine("miniature/rationale", SETTINGS.model_copy(update={"url": "nonsense"}))


async def test_log_probabilities_after_temperature_are_recognised() -> None:
    async def processed(body: Mapping[str, Any]) -> dict[str, Any]:
        answer = await sam(body)
        if answer["logprobs"]:
            answer["logprobs"] = {"top_logprobs": [{"Sam": -0.5 / body["temperature"], "Tom": -0.9}]}
        return answer

    with serving(processed) as server:
        async with connected(server) as engine:
            assert engine.provenance.logprobs == "processed"
    with serving() as server:
        async with connected(server) as engine:
            assert engine.provenance.logprobs == "raw"
            assert engine.provenance.version == "tests"


async def test_a_temperature_that_servers_refuse_is_named_and_not_sent() -> None:
    with serving() as server:
        async with connected(server) as engine:
            asked = len(server.bodies)
            with pytest.raises(EngineError, match=r"temperature is 2\.5, allowed with backend openai: 0 to 2"):
                await engine.complete("Tom", Sampling(max_tokens=1, temperature=2.5))
            assert len(server.bodies) == asked
            assert (await engine.complete("Tom", Sampling(max_tokens=1, temperature=2.0)))[0].text == "Sam"


async def test_a_server_without_log_probabilities_still_completes() -> None:
    async def silent(body: Mapping[str, Any]) -> dict[str, Any]:
        return {"text": "Sam", "finish_reason": "stop"}

    with serving(silent) as server:
        async with connected(server) as engine:
            assert engine.provenance.logprobs == "none"
            assert (await engine.complete("Tom", SAMPLING))[0].finish_reason == "stop"
            with pytest.raises(EngineError, match="gives no log-probabilities"):
                await engine.complete("Tom", Sampling(max_tokens=1, logprobs=20))


async def test_tokens_of_the_server_are_read_as_everywhere() -> None:
    """vLLM gives ids: the text is made from them, the end token is not in it, and a stop string ends it."""
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    ids = tokenizer.encode("So 5 * 3 = 15.\n</analyze>\n", add_special_tokens=False)
    end = tokenizer.eos_token_id

    async def answer(body: Mapping[str, Any]) -> dict[str, Any]:
        tops = {f"token_id:{token}": value for token, value in zip(ids[:3], (-2.0, -0.5, -1.5), strict=True)}
        return {
            "text": "not looked at",
            "token_ids": [*ids, end],
            "finish_reason": "stop",
            "logprobs": {"top_logprobs": [tops] * (len(ids) + 1)},
        }

    with serving(answer) as server:
        async with connected(server) as engine:
            (ended,) = await engine.complete("Tom", Sampling(max_tokens=50))
            (stopped,) = await engine.complete(
                "Tom", Sampling(max_tokens=50, stop=("<verify>", "</analyze>"), logprobs=2)
            )
    assert (ended.text, ended.stop, ended.tokens) == ("So 5 * 3 = 15.\n</analyze>\n", None, len(ids) + 1)
    assert (stopped.text, stopped.stop) == ("So 5 * 3 = 15.\n</analyze>", "</analyze>")
    second, third = (tokenizer.decode([token]) for token in ids[1:3])
    assert dict(stopped.top_logprobs[0]) == {second: -0.5, third: -1.5}


@pytest.mark.parametrize("said", [{"stop_reason": "15"}, {"matched_stop": "15"}, {"text": "5 * 3 = 15 and"}])
async def test_a_stop_string_that_the_server_left_out_is_put_back(said: dict[str, Any]) -> None:
    async def answer(body: Mapping[str, Any]) -> dict[str, Any]:
        return {"text": "5 * 3 = ", "finish_reason": "stop", **said}

    with serving(answer) as server:
        async with connected(server) as engine:
            (got,) = await engine.complete("Tom", Sampling(max_tokens=50, stop=("15", "16")))
    assert (got.text, got.stop, got.finish_reason) == ("5 * 3 = 15", "15", "stop")


async def test_an_end_token_is_no_stop_string() -> None:
    async def answer(body: Mapping[str, Any]) -> dict[str, Any]:
        return {"text": "5 * 3 = ", "finish_reason": "stop", "matched_stop": 2}

    with serving(answer) as server:
        async with connected(server) as engine:
            (got,) = await engine.complete("Tom", Sampling(max_tokens=50, stop=("15",)))
    assert (got.text, got.stop, got.finish_reason) == ("5 * 3 = ", None, "stop")


async def test_a_server_that_hides_the_stop_string_is_refused() -> None:
    async def answer(body: Mapping[str, Any]) -> dict[str, Any]:
        return {"text": "5 * 3 = ", "finish_reason": "stop"}

    with serving(answer) as server:
        async with connected(server) as engine:
            assert (await engine.complete("Tom", SAMPLING))[0].stop is None
            with pytest.raises(EngineError, match="does not say which stop string"):
                await engine.complete("Tom", Sampling(max_tokens=50, stop=("15",)))


async def test_log_probabilities_as_for_chats() -> None:
    """llama.cpp writes them so, with ids."""
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    yes, no = (tokenizer.encode(word, add_special_tokens=False)[0] for word in ("Yes", "No"))
    top = [{"id": no, "token": "?", "logprob": -1.5}, {"id": yes, "token": "?", "logprob": -0.5}]

    async def answer(body: Mapping[str, Any]) -> dict[str, Any]:
        logprobs = {"content": [{"token": "?", "logprob": -0.5, "top_logprobs": top}]}
        return {"text": "Yes", "finish_reason": "length", "logprobs": logprobs}

    with serving(answer) as server:
        async with connected(server) as engine:
            (got,) = await engine.complete("Tom", Sampling(max_tokens=1, logprobs=20))
    assert dict(got.top_logprobs[0]) == {"Yes": -0.5, "No": -1.5}


async def test_nothing_is_left_to_the_server_to_fill_in(
    server: CompletionsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`vllm serve` takes what a request leaves out from the model's generation settings (Qwen's repeat penalty)."""
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    async with connected(server) as engine:
        sampling = Sampling(max_tokens=7, temperature=0.6, top_p=0.95, top_k=20, stop=("a",), seed=3)
        await engine.complete("Tom has 5 keys.", sampling, n=2)
        await engine.complete("Tom has 6 keys.", sampling)
    body = server.bodies[0]
    assert body["prompt"] == tokenizer.encode("Tom has 5 keys.", add_special_tokens=False)
    expected = {"max_tokens": 7, "temperature": 0.6, "top_p": 0.95, "top_k": 20, "min_p": 0.0, "stop": ["a"]}
    expected |= {"repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
    assert expected.items() <= body.items()
    assert body["stop_token_ids"] == [tokenizer.eos_token_id]
    assert len({body["seed"] for body in server.bodies}) == 3
    assert server.headers[-1]["Authorization"] == "Bearer secret"


def test_settings_of_a_server_in_trouble() -> None:
    """`engine.attempts` and `engine.request_seconds` decide when no other retries are given."""
    trouble: deque[Any] = deque([500] * 10)
    with serving() as server:
        server.trouble = trouble
        settings = SETTINGS.model_copy(update={"url": server.url, "served_model": "sam", "attempts": 1})
        with pytest.raises(EngineError, match=r"HTTP 500.*\(after 1 attempt\)"):
            open_engine("miniature/rationale", settings)
    assert len(trouble) == 9
