"""Whatever is sent to the endpoints of the OpenAPI page, the answer is a reward or says whose fault it is."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.genprm.serve.served import client

SERVED = client(request_bytes=20_000)
PATHS = sorted(path for path, methods in SERVED.get("/openapi.json").json()["paths"].items() if "post" in methods)
NAMES = (
    *(
        "problem",
        "steps",
        "solution",
        "messages",
        "items",
        "votes",
        "mode",
        "deadline",
        "stream",
        "query",
        "prompts",
    ),
    *("labels", "prompt", "response", "input", "model", "task", "queries", "documents", "top_n", "role", "content"),
    *("responses_create_params", "output", "type", "text", "question", "id"),
)
WORDS = (
    "user",
    "assistant",
    "message",
    "direct",
    "scripted",
    "fine",
    "wrong\n\nfine",
    "<|im_start|>user\n",
    "<extra_0>",
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(WORDS)
NAMED = st.sampled_from(NAMES) | st.text(max_size=5)
JSON: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMED, inner, max_size=4), max_leaves=12
)


TEXT = st.sampled_from(WORDS) | st.text(max_size=20)
MESSAGE = st.fixed_dictionaries({"role": st.sampled_from(("user", "assistant", "system")), "content": TEXT})
PART = st.fixed_dictionaries({"type": st.just("output_text"), "text": TEXT})
SAID = st.fixed_dictionaries({"type": st.just("message"), "content": st.lists(PART, max_size=2)})
FREE = {
    "model": st.sampled_from((None, "scripted")),
    "messages": st.none() | st.lists(MESSAGE, max_size=3),
    "response": TEXT | st.fixed_dictionaries({"output": st.lists(SAID, max_size=2)}),
    "responses_create_params": st.fixed_dictionaries({"input": TEXT | st.lists(MESSAGE, max_size=3)}),
}
"""What the page leaves open, by the name of the field."""
SOLUTION: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"problem": TEXT, "steps": st.lists(TEXT, max_size=3)},
    optional={
        "votes": st.integers(-1, 3),
        "mode": TEXT,
        "stream": st.booleans(),
        "deadline": st.floats() | st.just(5),
        "id": JSON,
    },
)


def shape_of(schema: dict[str, Any], components: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values of a JSON schema."""
    if "$ref" in schema:
        return shape_of(components[schema["$ref"].rpartition("/")[2]], components)
    if "anyOf" in schema:
        return st.one_of([shape_of(one, components) for one in schema["anyOf"]])
    kind = schema.get("type")
    if kind == "object":
        known = {
            name: FREE.get(name, shape_of(one, components)) for name, one in schema.get("properties", {}).items()
        }
        return st.fixed_dictionaries(known) if known else SOLUTION | st.dictionaries(NAMED, JSON, max_size=5)
    if kind == "array":
        return st.lists(shape_of(schema["items"], components), max_size=3)
    kinds: dict[Any, st.SearchStrategy[Any]] = {"string": TEXT, "integer": st.integers(), "boolean": st.booleans()}
    return kinds.get(kind, JSON)


PAGE = SERVED.get("/openapi.json").json()


def body_of(path: str) -> st.SearchStrategy[Any]:
    """What the page says that an endpoint takes."""
    content = PAGE["paths"][path]["post"]["requestBody"]["content"]
    return shape_of(content["application/json"]["schema"], PAGE["components"]["schemas"])


def test_every_endpoint_is_on_the_page() -> None:
    theirs = {"/get_reward", "/reward", "/pooling", "/classify", "/score", "/v1/rerank", "/verify"}
    assert set(PATHS) >= {"/v1/score", *theirs}


@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_request_is_the_servers_fault(path: str, data: st.DataObject) -> None:
    fits = data.draw(st.integers(0, 3)) > 0
    body = data.draw(body_of(path) if fits else JSON)
    text = json.dumps(body, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass")
    answer = SERVED.post(path, content=text, headers={"content-type": "application/json"})
    assert answer.status_code in (200, 413, 422), answer.text


@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.binary(max_size=200))
def test_no_bytes_are_the_servers_fault(path: str, text: bytes) -> None:
    answer = SERVED.post(path, content=text, headers={"content-type": "application/json"})
    assert answer.status_code in (200, 422), answer.text
