"""Clients as they are installed or as their frameworks ask, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import aiohttp
import cohere
import openai
import pytest
import requests

from tests.genprm.serve.served import RIGHT, WRONG, client, listening

DOCUMENTS = ["wrong", "fine", "also wrong"]
CHATML = "<|im_start|>user\nHow many?<|im_end|>\n<|im_start|>assistant\n"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server that asks for no key, as frameworks send none."""
    with listening(client().app) as url:
        yield url


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    with listening(client(api_key="open sesame").app) as url:
        yield url


class TestOpenAI:
    def test_it_lists_the_model_and_finds_it_by_name(self, guarded: str) -> None:
        asking = openai.OpenAI(base_url=f"{guarded}/v1", api_key="open sesame")
        (model,) = asking.models.list().data
        assert (model.id, model.object, model.owned_by) == ("scripted", "model", "genprm")
        assert asking.models.retrieve("scripted") == model
        with pytest.raises(openai.NotFoundError) as unknown:
            asking.models.retrieve("other")
        assert unknown.value.body == {"detail": "model is 'other', allowed: 'scripted'"}

    def test_its_errors_are_those_of_the_status(self, guarded: str) -> None:
        with pytest.raises(openai.AuthenticationError) as stranger:
            openai.OpenAI(base_url=f"{guarded}/v1", api_key="mellon").models.list()
        asking = openai.OpenAI(base_url=f"{guarded}/v1", api_key="open sesame")
        with pytest.raises(openai.UnprocessableEntityError) as malformed:
            asking.post("/score", cast_to=object, body={"problem": "p"})
        assert stranger.value.body == {"detail": "the API key is missing or wrong"}
        assert "'steps' is missing" in malformed.value.body["detail"]

    def test_it_posts_to_endpoints_that_openai_does_not_have(self, guarded: str) -> None:
        asking = openai.OpenAI(base_url=f"{guarded}/v1", api_key="open sesame")
        body = {"problem": "p", "steps": ["fine", "wrong"]}
        answer: Any = asking.post("/score", cast_to=object, body=body)
        assert answer["rewards"] == [RIGHT, WRONG]


class TestCohere:
    def test_version_two_ranks_solutions(self, guarded: str) -> None:
        asking = cohere.ClientV2(api_key="open sesame", base_url=guarded)
        answer = asking.rerank(model="scripted", query="How many?", documents=DOCUMENTS, top_n=2)
        assert [(one.index, one.relevance_score) for one in answer.results] == [(1, RIGHT), (0, WRONG)]

    def test_version_one_returns_documents_when_asked(self, guarded: str) -> None:
        asking = cohere.Client(api_key="open sesame", base_url=guarded)
        answer = asking.rerank(model="scripted", query="How many?", documents=DOCUMENTS, return_documents=True)
        assert [one.document.text for one in answer.results] == ["fine", "wrong", "also wrong"]

    def test_its_errors_are_those_of_the_status(self, guarded: str) -> None:
        with pytest.raises(cohere.UnauthorizedError):
            cohere.ClientV2(api_key="mellon", base_url=guarded).rerank(model="scripted", query="q", documents=["a"])
        asking = cohere.ClientV2(api_key="open sesame", base_url=guarded)
        with pytest.raises(cohere.UnprocessableEntityError, match="model is 'command', allowed: 'scripted'"):
            asking.rerank(model="command", query="q", documents=["a"])


def test_jina_is_asked_by_plain_requests(url: str) -> None:
    """The request of `https://api.jina.ai/v1/rerank`, as its documentation and its integrations send it."""
    body = {"model": "scripted", "query": "How many?", "documents": DOCUMENTS, "top_n": None}
    answer = requests.post(f"{url}/v1/rerank", json={**body, "return_documents": False}, timeout=60).json()
    assert [set(one) for one in answer["results"]] == [{"index", "relevance_score"}] * 3
    assert answer["results"][0] == {"index": 1, "relevance_score": RIGHT}
    assert answer["usage"]["total_tokens"] > 0


class TestOpenRLHF:
    async def test_a_rollout_asks_for_one_sample(self, url: str) -> None:
        """`SingleTurnAgentExecutor` in `openrlhf/utils/agent.py`: a session for each request, lists of one."""
        payload = {"query": [f"{CHATML}fine\n\nwrong<|im_end|>"], "prompts": [CHATML], "labels": ["7"]}
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=180)) as session,
            session.post(f"{url}/get_reward", json=payload) as response,
        ):
            response.raise_for_status()
            info = await response.json()
        assert info.get("rewards") == (info.get("scores") or info.get("rewards")) == [WRONG]
        assert (info.get("extra_logs") or {}) == {}

    @pytest.mark.parametrize("prompts", [{"prompts": [CHATML] * 2, "labels": ["7", "7"]}, {}])
    def test_older_versions_ask_for_a_batch(self, prompts: dict[str, Any], url: str) -> None:
        """`request_api_wrapper` in `openrlhf/utils/remote_rm_utils.py`; the oldest send nothing but `query`."""
        queries = [f"{CHATML}{text}<|im_end|>" for text in ("fine", "wrong")]
        headers = {"Content-Type": "application/json"}
        response = requests.post(
            url=f"{url}/get_reward", json={"query": queries, **prompts}, headers=headers, timeout=180
        )
        response.raise_for_status()
        assert response.json()["rewards"] == [RIGHT, WRONG]


async def test_slime_shares_a_session_and_takes_the_answer_as_it_is(url: str) -> None:
    """`remote_rm` in `slime/rollout/rm_hub/__init__.py`."""
    connector = aiohttp.TCPConnector(limit=64)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=120)) as session:
        for text, expected in (("fine", RIGHT), ("fine\n\nwrong", WRONG)):
            payload = {"prompt": CHATML, "response": f"{text}<|im_end|>", "label": "7"}
            async with session.post(f"{url}/reward", json=payload) as response:
                response.raise_for_status()
                assert await response.json() == expected
