"""Requests as training frameworks send them, and requests that are wrong."""

import pytest
from fastapi.testclient import TestClient

from genprm.engines.base import Engine
from genprm.modes import Mode
from genprm.reward_models.base import Asking
from genprm.reward_models.genprm import GenPRMRewardModel
from genprm.serve.app import Limits, Scorer, create_app
from genprm.settings import VerifierSettings
from genprm.verification.verifier import Verifier
from tests.genprm.scripted_engine import ScriptedEngine
from tests.genprm.scripted_judge import EchoSandbox, judge_engine

RIGHT, WRONG = pytest.approx(8 / 9), pytest.approx(1 / 9)


def client(engine: Engine | None = None, api_key: str | None = None, **limits: float) -> TestClient:
    verifier = Verifier(engine or judge_engine(), EchoSandbox(), VerifierSettings())
    bounds = Limits(**limits)
    model = GenPRMRewardModel(verifier, Mode.FULL, Asking(texts=True))
    return TestClient(create_app(Scorer(model, bounds, 0.5), bounds, api_key), raise_server_exceptions=False)


def test_score_names_the_first_wrong_step() -> None:
    answer = client().post("/v1/score", json={"problem": "How many?", "steps": ["fine", "wrong"]}).json()
    assert answer["rewards"] == [RIGHT, WRONG]
    assert (answer["first_error"], answer["steps"], answer["model"]) == (1, ["fine", "wrong"], "scripted")


def test_a_step_without_a_verdict_is_no_reward() -> None:
    silent = ScriptedEngine(lambda prompt: "Hm.", lambda prompt: {})
    answer = client(silent).post("/v1/score", json={"problem": "p", "steps": ["fine"]}).json()
    assert (answer["first_error"], answer["unjudged"]) == (None, [0])
    reward = client(silent).post("/reward", json={"prompt": "p", "response": "fine"})
    assert (reward.status_code, reward.json()) == (502, {"detail": "not judged: response: no verdict on step 1"})


def test_a_field_that_would_be_ignored_is_refused() -> None:
    for body in ({"problem": "p", "steps": ["fine"], "votes": 8}, {"items": [], "votes": 8}):
        answer = client().post("/v1/score", json=body)
        assert (answer.status_code, "'votes'" in answer.json()["detail"]) == (422, True)


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
