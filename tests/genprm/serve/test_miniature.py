"""The miniature behind the server: a model that samples, on the engine that batches."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from fastapi.testclient import TestClient

from genprm.reward_models.base import Asking
from genprm.reward_models.genprm import open_genprm
from genprm.reward_models.machine import OwnMachine
from genprm.serve.app import closing, create_app
from genprm.serve.limits import Limits
from genprm.serve.scorer import Scorer
from genprm.settings import EngineSettings, SandboxSettings
from genprm.speed.server import served
from genprm.speed.verifier import miniature_solutions

BODY = {
    "problem": "Tom has 3 keys. Tom gets 4 more keys. How many?",
    "steps": ["Step 1: 3 + 4 = 7.", "Step 2: So 8."],
}


@pytest.mark.slow
def test_events_votes_and_a_deadline_agree_with_the_plain_answer() -> None:
    machine = OwnMachine(EngineSettings(backend="transformers"), SandboxSettings())
    model = open_genprm("miniature/rationale", machine, Asking(texts=True))
    with TestClient(create_app(Scorer(model, Limits(), 0.5), None, closing(machine.close))) as asking:
        plain = asking.post("/v1/score", json={**BODY, "votes": 2}).json()
        patient = asking.post("/v1/score", json={**BODY, "votes": 2, "deadline": 500}).json()
        streamed = asking.post("/v1/score", json={**BODY, "votes": 2, "stream": True}).text
    assert patient == plain
    *steps, last = [block.split("\ndata: ") for block in streamed.split("\n\n") if block]
    assert json.loads(last[1]) == plain
    told = [json.loads(data) for _, data in steps]
    rewards = {(one["path"], one["step"]): one["reward"] for one in told}
    paths = {(path, step): reward for path, row in enumerate(plain["paths"]) for step, reward in enumerate(row)}
    assert {key: paths[key] for key, reward in rewards.items() if reward is not None} == {
        key: reward for key, reward in rewards.items() if reward is not None
    }


@pytest.mark.slow
def test_requests_in_flight_at_sigterm_are_answered_as_if_each_were_alone() -> None:
    bodies = [{"problem": one.problem, "steps": one.steps[:2]} for one in miniature_solutions(6)]

    def ask(url: str, body: dict[str, Any]) -> requests.Response:
        return requests.post(f"{url}/v1/score", json=body, timeout=120)

    with ThreadPoolExecutor(len(bodies)) as clients:
        with served("miniature/rationale", EngineSettings(backend="transformers")) as url:
            asked = [clients.submit(ask, url, body) for body in bodies]
            while "genprm_waiting_solutions 6.0" not in requests.get(f"{url}/metrics", timeout=60).text:
                time.sleep(0.05)
            assert not any(one.done() for one in asked)
        answers = [one.result() for one in asked]  # the end of the block is SIGTERM
    assert [answer.status_code for answer in answers] == [200] * 6

    machine = OwnMachine(EngineSettings(backend="transformers"), SandboxSettings())
    model = open_genprm("miniature/rationale", machine, Asking(texts=True))
    with TestClient(create_app(Scorer(model, Limits(), 0.5), None, closing(machine.close))) as alone:
        for body, answer in zip(bodies, answers, strict=True):
            expected = alone.post("/v1/score", json=body).json()
            assert answer.json() == {**expected, "rewards": pytest.approx(expected["rewards"], abs=1e-4)}
