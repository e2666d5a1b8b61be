"""The miniature behind the server: a model that samples, on the engine that batches."""

import json

import pytest
from fastapi.testclient import TestClient

from genprm.reward_models.base import Asking
from genprm.reward_models.genprm import open_genprm
from genprm.reward_models.machine import OwnMachine
from genprm.serve.app import closing, create_app
from genprm.serve.limits import Limits
from genprm.serve.scorer import Scorer
from genprm.settings import EngineSettings, SandboxSettings

BODY = {
    "problem": "Tom has 3 keys. Tom gets 4 more keys. How many?",
    "steps": ["Step 1: 3 + 4 = 7.", "Step 2: So 8."],
}


@pytest.mark.slow
def test_events_votes_and_a_deadline_agree_with_the_plain_answer() -> None:
    machine = OwnMachine(EngineSettings(backend="transformers"), SandboxSettings())
    model = open_genprm("miniature/rationale", machine, Asking(texts=True))
    with TestClient(create_app(Scorer(model, Limits(), 0.5), None, closing(machine.close))) as served:
        plain = served.post("/v1/score", json={**BODY, "votes": 2}).json()
        patient = served.post("/v1/score", json={**BODY, "votes": 2, "deadline": 500}).json()
        streamed = served.post("/v1/score", json={**BODY, "votes": 2, "stream": True}).text
    assert patient == plain
    *steps, last = [block.split("\ndata: ") for block in streamed.split("\n\n") if block]
    assert json.loads(last[1]) == plain
    told = [json.loads(data) for _, data in steps]
    rewards = {(one["path"], one["step"]): one["reward"] for one in told}
    paths = {(path, step): reward for path, row in enumerate(plain["paths"]) for step, reward in enumerate(row)}
    assert {key: paths[key] for key, reward in rewards.items() if reward is not None} == {
        key: reward for key, reward in rewards.items() if reward is not None
    }
