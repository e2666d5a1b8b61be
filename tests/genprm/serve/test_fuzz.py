"""Whatever is sent to the endpoints, the answer is one that the OpenAPI page promises, and no fault of the server.

A longer run, against a running server: `schemathesis run http://127.0.0.1:8000/openapi.json -n 1000`.
"""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.genprm.serve.served import client

SERVED = client(request_bytes=20_000)
OPERATIONS = {
    found.ok().label: found.ok()
    for found in schemathesis.openapi.from_asgi("/openapi.json", SERVED.app).get_all_operations()
}
POSTED = sorted(operation.path for operation in OPERATIONS.values() if operation.method == "post")
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]

WORDS = ("fine", "wrong\n\nfine", "fine<extra_0>wrong<extra_0>", "", "direct", "scripted")
CHATML = "<|im_start|>user\nHow many?<|im_end|>\n<|im_start|>assistant\n"
TEXT = st.sampled_from(WORDS) | st.text(max_size=20)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(("user", "assistant", "system")), "content": TEXT}), max_size=3
)
PART = st.fixed_dictionaries({"type": st.just("output_text"), "text": TEXT})
OUTPUT = st.lists(st.fixed_dictionaries({"type": st.just("message"), "content": st.lists(PART, max_size=2)}))
LIKELY: dict[str, st.SearchStrategy[Any]] = {
    "model": st.sampled_from((None, "scripted")),
    "problem": TEXT,
    "steps": st.lists(TEXT, max_size=3),
    "stream": st.booleans(),
    "messages": st.none() | MESSAGES,
    "input": st.none() | TEXT.map(lambda text: CHATML + text),
    "prompts": st.just(["", CHATML]),
    "query": TEXT | st.tuples(TEXT, TEXT.map(lambda text: CHATML + text)).map(list),
    "response": TEXT | st.fixed_dictionaries({"output": OUTPUT}),
    "responses_create_params": st.fixed_dictionaries({"input": TEXT | MESSAGES}),
}
"""Values of fields that are more likely to be judged than any text that the page allows."""


@pytest.mark.parametrize("label", OPERATIONS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_answer_is_one_that_the_page_promises(label: str, data: st.DataObject) -> None:
    operation = OPERATIONS[label]
    modes = MODES if operation.method == "post" else MODES[:1]
    case = data.draw(st.sampled_from(modes).flatmap(lambda mode: operation.as_strategy(generation_mode=mode)))
    if isinstance(case.body, dict) and data.draw(st.booleans()):
        case.body = {name: data.draw(LIKELY.get(name, st.just(value))) for name, value in case.body.items()}
    case.call_and_validate(checks=CHECKS)


@pytest.mark.parametrize("path", POSTED)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.binary(max_size=200))
def test_no_bytes_are_the_servers_fault(path: str, text: bytes) -> None:
    answer = SERVED.post(path, content=text, headers={"content-type": "application/json"})
    assert answer.status_code in (200, 422), answer.text


def test_every_endpoint_is_on_the_page() -> None:
    theirs = {"/get_reward", "/reward", "/pooling", "/classify", "/score", "/v1/rerank", "/verify"}
    assert set(POSTED) >= {"/v1/score", *theirs}
