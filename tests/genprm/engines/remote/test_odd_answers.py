"""Whatever a server answers, a completion is whole or there is one line: no traceback, no NaN."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from genprm.engines.base import Completion, ContextFull, EngineError, Sampling
from tests.genprm.engines.completions_server import CompletionsServer
from tests.genprm.engines.remote.test_openai import connected, sam

SAMPLING = Sampling(max_tokens=72, logprobs=5, stop=("</analyze>",))
TOPS = [{"Yes": -0.5, "No": -1.5}]


def choice(**changes: Any) -> dict[str, Any]:
    return {"text": "Yes", "finish_reason": "length", "logprobs": {"top_logprobs": TOPS}} | changes


def answer(usage: Any = None, **changes: Any) -> str:
    return json.dumps({"choices": [choice(**changes)], "usage": usage})


def tops(value: str) -> str:
    return answer().replace("-0.5", value)


REFUSED = {
    "nothing": "",
    "a word": "hello",
    "a web page": "<html>hello</html>",
    "half an answer": answer()[:40],
    "null": "null",
    "a number": "3",
    "text alone": '"Yes"',
    "a list": "[]",
    "nested thousands deep": "[" * 100_000,
    "nested deep in a field": '{"choices": ' + "[" * 50_000 + "]" * 50_000 + "}",
    "an object of other fields": '{"error": "no"}',
    "choices is null": '{"choices": null}',
    "choices is empty": '{"choices": []}',
    "choices is an object": '{"choices": {"text": "Yes"}}',
    "choices is text": '{"choices": "Yes"}',
    "choices holds text": '{"choices": ["Yes"]}',
    "choices holds null": '{"choices": [null]}',
    "text is a number": answer(text=3),
    "text is a list": answer(text=["Yes"]),
    "text is an object": answer(text={}),
    "text is a lone surrogate": answer(text="\ud800"),
    "40 MB of text": answer(text="a" * 40_000_000),
    "1 MB of text": answer(text="a" * 1_000_000),
    "finish_reason is a number": answer(finish_reason=3),
    "stop_reason is a list": answer(stop_reason=[]),
    "usage is a list": answer(usage=[]),
    "usage is text": answer(usage="many"),
    "negative usage": answer(usage={"completion_tokens": -3}),
    "half a token": answer(usage={"completion_tokens": 1.5}),
    "usage as text": answer(usage={"completion_tokens": "3"}),
    "800,000 tokens": answer(usage={"completion_tokens": 800_000}),
    "a number of 5,000 digits": answer(usage={"completion_tokens": 0}).replace("0}", "9" * 5000 + "}"),
    "negative cached tokens": answer(usage={"prompt_tokens_details": {"cached_tokens": -1}}),
    "details are a list": answer(usage={"prompt_tokens_details": []}),
    "a NaN": tops("NaN"),
    "an infinity": tops("Infinity"),
    "minus infinity": tops("-Infinity"),
    "1e999": tops("-1e999"),
    "a positive log-probability": tops("0.5"),
    "a log-probability as text": tops('"-0.5"'),
    "a log-probability that is null": tops("null"),
    "a log-probability that is true": tops("true"),
    "logprobs is a list": answer(logprobs=[]),
    "top_logprobs is an object": answer(logprobs={"top_logprobs": {}}),
    "positions are numbers": answer(logprobs={"top_logprobs": [3]}),
    "no log-probabilities": answer(logprobs=None),
    "more positions than tokens": answer(logprobs={"top_logprobs": TOPS * 73}),
    "content of numbers": answer(logprobs={"content": [3]}),
    "content without a token": answer(logprobs={"content": [{"top_logprobs": [{"logprob": -1.0}]}]}),
    "content with a NaN": answer(logprobs={"content": [{"top_logprobs": [{"token": "a", "logprob": math.nan}]}]}),
    "a negative token id": answer(token_ids=[-1]),
    "a token id as text": answer(token_ids=["12"]),
    "a token id that is a fraction": answer(token_ids=[1.5]),
    "a token id beyond 64 bits": answer(token_ids=[2**70]),
    "token ids are text": answer(token_ids="12"),
    "73 token ids": answer(token_ids=[5] * 73),
}
ACCEPTED = {
    "more fields": answer(created=3, prompt_logprobs=None),
    "null usage": answer(),
    "a sure token": tops("0.0"),
    "a log-probability that is whole": tops("-1"),
    "a token that looks like an id": answer(logprobs={"top_logprobs": [{"token_id:\u00b2": -0.5}]}),
    "an id beyond the vocabulary": answer(logprobs={"top_logprobs": [{"token_id:99999999": -0.5}]}),
}


@pytest.fixture(scope="module")
def server() -> Iterator[CompletionsServer]:
    server = CompletionsServer(sam, "sam")
    yield server
    server.close()


async def asked(server: CompletionsServer, trouble: web.Response) -> Completion:
    async with connected(server) as engine:
        server.trouble.append(trouble)
        return (await engine.complete("Tom", SAMPLING))[0]


@pytest.mark.parametrize("odd", REFUSED)
async def test_an_odd_answer_is_one_line(server: CompletionsServer, odd: str) -> None:
    with pytest.raises(EngineError) as error:
        await asked(server, web.Response(text=REFUSED[odd], content_type="application/json"))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600
    assert not isinstance(error.value, ContextFull)


async def test_bytes_that_are_not_utf_8_are_one_line(server: CompletionsServer) -> None:
    with pytest.raises(EngineError, match="the answer is not JSON"):
        await asked(server, web.Response(body=answer().encode().replace(b"Yes", b"\xff\xfe")))


@pytest.mark.parametrize("plain", ACCEPTED)
async def test_what_may_differ_is_taken(server: CompletionsServer, plain: str) -> None:
    got = await asked(server, web.Response(text=ACCEPTED[plain], content_type="application/json"))
    assert all(math.isfinite(value) and value <= 0 for top in got.top_logprobs for value in top.values())


@pytest.mark.parametrize(
    "error",
    [
        {"type": "bad_request", "code": "context_parameter_unknown"},
        {"code": ["context_length_exceeded"]},
        "context",
    ],
)
async def test_a_refusal_of_another_kind_is_no_full_context(server: CompletionsServer, error: Any) -> None:
    with pytest.raises(EngineError, match="HTTP 400") as caught:
        await asked(server, web.json_response({"error": error}, status=400))
    assert not isinstance(caught.value, ContextFull)


async def test_nothing_is_left_behind_that_nobody_asks_for(
    server: CompletionsServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Of many requests that fail at once one error is raised, and Python has none to complain of."""
    async with connected(server) as engine:
        server.trouble.extend([web.Response(text="[]")] * 8)
        with pytest.raises(EngineError):
            await engine.complete("Tom", SAMPLING, n=8)
    server.trouble.clear()
    assert "never retrieved" not in caplog.text
