"""Requests as training frameworks send them, and requests that are wrong."""

import pytest

from tests.genprm.scripted_judge import judge_engine
from tests.genprm.serve.served import RIGHT, WRONG, client, silent_engine


def test_score_names_the_first_wrong_step() -> None:
    answer = client().post("/v1/score", json={"problem": "How many?", "steps": ["fine", "wrong"]}).json()
    assert answer["rewards"] == [RIGHT, WRONG]
    assert (answer["first_error"], answer["steps"], answer["model"]) == (1, ["fine", "wrong"], "scripted")


def test_a_step_without_a_verdict_is_no_reward() -> None:
    answer = client(silent_engine()).post("/v1/score", json={"problem": "p", "steps": ["fine"]}).json()
    assert (answer["first_error"], answer["unjudged"]) == (None, [0])
    reward = client(silent_engine()).post("/reward", json={"prompt": "p", "response": "fine"})
    assert (reward.status_code, reward.json()) == (502, {"detail": "not judged: response: no verdict on step 1"})


def test_a_field_that_would_be_ignored_is_refused() -> None:
    for body in ({"problem": "p", "steps": ["fine"], "n": 8}, {"items": [], "n": 8}):
        answer = client().post("/v1/score", json=body)
        assert (answer.status_code, "'n'" in answer.json()["detail"]) == (422, True)


def test_a_solution_may_be_text_or_a_chat() -> None:
    chat = [{"role": "user", "content": "How many?"}, {"role": "assistant", "content": "fine\n\nwrong"}]
    for body in ({"problem": "How many?", "solution": "fine\n\nwrong"}, {"messages": chat}):
        answer = client().post("/v1/score", json=body).json()
        assert (answer["steps"], answer["first_error"]) == (["fine", "wrong"], 1)


def test_items_are_answered_in_order_and_may_be_none() -> None:
    items = [{"problem": "p", "steps": [step]} for step in ("fine", "wrong")]
    answer = client().post("/v1/score", json={"items": items}).json()
    assert [item["first_error"] for item in answer["items"]] == [-1, 0]
    assert client().post("/v1/score", json={"items": []}).json() == {"items": []}


def test_openrlhf_gets_a_reward_per_query() -> None:
    body = {"query": ["Q: fine\n\nwrong"], "prompts": ["Q: "], "labels": ["7"]}
    answer = client().post("/get_reward", json=body).json()
    assert answer == {"rewards": [WRONG], "scores": [WRONG], "extra_logs": {}}
    empty = client().post("/get_reward", json={"query": [], "prompts": [], "labels": []})
    assert (empty.status_code, empty.json()["rewards"]) == (200, [])


CHATML = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHow many?<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize("end", ["", "<|im_end|>", "<|im_end|>\n<|endoftext|>"])
def test_marks_of_a_chat_template_are_no_part_of_problem_and_solution(end: str) -> None:
    """OpenRLHF decodes prompt and response with special tokens."""
    requests = {
        "/get_reward": {"query": [f"{CHATML}fine\n\nwrong{end}"], "prompts": [CHATML], "labels": [""]},
        "/reward": {"prompt": CHATML, "response": f"fine\n\nwrong{end}"},
    }
    for path, body in requests.items():
        engine = judge_engine()
        assert client(engine).post(path, json=body).status_code == 200
        prompts = [prompt for prompt, *_ in engine.requests]
        assert any("How many?" in prompt for prompt in prompts)
        assert not any("<|im_" in prompt or "Be brief" in prompt for prompt in prompts)


def test_slime_gets_a_bare_number() -> None:
    for prompt in ("How many?", [{"role": "user", "content": "How many?"}]):
        assert client().post("/reward", json={"prompt": prompt, "response": "fine", "label": None}).json() == RIGHT


@pytest.mark.parametrize("path", ["/v1/score", "/get_reward", "/reward"])
@pytest.mark.parametrize("body", [b"", b"[", b"{}", b"[]", b'{"items": 3}', b'{"prompt": [], "response": "a"}'])
def test_a_malformed_request_is_the_clients_fault(path: str, body: bytes) -> None:
    assert client().post(path, content=body, headers={"content-type": "application/json"}).status_code == 422


async def test_a_failed_judgement_is_an_error_and_no_reward() -> None:
    engine = judge_engine()
    await engine.close()
    answer = client(engine).post("/reward", json={"prompt": "p", "response": "fine"})
    assert (answer.status_code, "closed" in answer.json()["detail"]) == (502, True)


def test_limits_and_key() -> None:
    body = {"problem": "p", "steps": ["fine"]}
    full = client(waiting=0).post("/v1/score", json=body)
    assert (full.status_code, full.headers["retry-after"]) == (503, "1")
    assert client(request_bytes=5).post("/v1/score", json=body).status_code == 413
    guarded = client(api_key="secret")
    assert guarded.post("/v1/score", json=body).status_code == 401
    assert guarded.post("/v1/score", json=body, headers={"Authorization": "Bearer secret"}).status_code == 200
    assert guarded.get("/health").json() == {"status": "ok"}


@pytest.mark.parametrize(
    "body",
    [b'{"problem": "\\ud800", "steps": ["a"]}', b'{"problem": "\xff"}', b'{"a": NaN}', b"[" * 100_000, b"1" * 5000],
)
def test_what_cannot_be_sent_back_is_refused(body: bytes) -> None:
    headers = {"content-type": "application/json"}
    for path in ("/v1/score", "/verify"):
        assert client().post(path, content=body, headers=headers).status_code == 422


def test_what_was_judged_is_counted() -> None:
    served = client()
    served.post("/v1/score", json={"problem": "p", "steps": ["fine", "wrong"]})
    served.post("/v1/score", json={"problem": "p"})
    lines = served.get("/metrics").text.splitlines()
    assert "genprm_steps_total 2.0" in lines
    assert "genprm_waiting_solutions 0.0" in lines
    assert 'genprm_requests_total{path="/v1/score",status="200"} 1.0' in lines
    assert 'genprm_requests_total{path="/v1/score",status="422"} 1.0' in lines


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"prompt": "p"}, "body.response: Field required"),
        ({"prompt": "p", "response": 3}, "body.response is 3: Input should be a valid string"),
    ],
)
def test_a_field_that_is_wrong_is_named_in_one_line(body: dict[str, object], detail: str) -> None:
    assert client().post("/reward", json=body).json() == {"detail": detail}
