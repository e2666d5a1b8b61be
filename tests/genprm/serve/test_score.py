"""How one request may be judged: votes, mode, a deadline, and events as steps are judged."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from genprm.engines.base import Completion, Engine
from genprm.reward_models.base import RewardModel, SolutionScore
from genprm.reward_models.dyve import Dyve
from genprm.reward_models.judge import LLMJudge
from genprm.reward_models.outcome_verifier import OutcomeVerifier
from genprm.reward_models.think_prm import ThinkPRM
from genprm.serve.app import create_app
from genprm.serve.limits import Limits
from genprm.serve.scorer import Scorer
from genprm.settings import SamplingSettings
from tests.genprm.scripted_engine import ScriptedEngine
from tests.genprm.scripted_judge import judge_engine, last_step, reply, verdict
from tests.genprm.serve.served import RIGHT, WRONG, client, silent_engine

BODY = {"problem": "p", "steps": ["fine", "wrong"]}


class StuckEngine(ScriptedEngine):
    """It never comes to an end with a step that is called slow."""

    def __init__(self) -> None:
        super().__init__(reply, verdict)

    async def complete(self, prompt: str, *arguments: Any, **named: Any) -> list[Completion]:
        if "slow" in last_step(prompt):
            await asyncio.Event().wait()
        return await super().complete(prompt, *arguments, **named)


class Head(RewardModel):
    """A model with one way of judging."""

    name = "head"

    async def score_many(self, solutions: Any, progress: Any = None) -> list[SolutionScore]:
        return [SolutionScore([0.5], [[0.5]], prompt_tokens=1) for _ in solutions]


def events(text: str) -> list[tuple[str, Any]]:
    blocks = [block.split("\n") for block in text.split("\n\n") if block]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


def test_votes_and_mode_are_those_of_the_request() -> None:
    answer = client().post("/v1/score", json={**BODY, "votes": 3, "mode": "direct"}).json()
    assert answer["paths"] == [[RIGHT, WRONG]] * 3
    assert answer["tokens"] < client().post("/v1/score", json={**BODY, "votes": 3}).json()["tokens"]


def rambling(room: int) -> ScriptedEngine:
    """It writes what holds no verdict, and has room for so many tokens."""
    return ScriptedEngine(lambda prompt: " so" * 200, lambda prompt: {"maybe": -0.1}, max_context=room)


@pytest.mark.parametrize(
    ("model", "room", "unjudged"),
    [
        (ThinkPRM, 300, [0, 1]),
        (OutcomeVerifier, 300, [1]),
        (Dyve, 5, [0, 1]),
        (lambda engine: LLMJudge(engine, SamplingSettings()), 300, [0, 1]),
    ],
    ids=["ThinkPRM", "outcome verifier", "Dyve", "LLM judge"],
)
def test_what_no_model_says_is_no_number(
    model: Callable[[Engine], RewardModel], room: int, unjudged: list[int]
) -> None:
    app = create_app(Scorer(model(rambling(room)), Limits(), 0.5))
    asked = TestClient(app, raise_server_exceptions=False)
    answer = asked.post("/v1/score", json=BODY).json()
    assert answer["unjudged"] == unjudged
    assert answer["first_error"] in (None, 0)
    refused = asked.post("/get_reward", json={"query": ["p\n\nfine"], "prompts": ["p\n\n"]})
    assert (refused.status_code, "no verdict" in refused.text) == (502, True)


def test_after_the_deadline_the_answer_is_what_was_judged_by_then() -> None:
    body = {"problem": "p", "steps": ["fine", "slow", "wrong"], "deadline": 0.5}
    answer = client(StuckEngine()).post("/v1/score", json=body).json()
    assert (answer["rewards"], answer["unjudged"], answer["complete"]) == ([RIGHT], [1, 2], False)
    assert answer["first_error"] is None


def test_a_request_that_takes_too_long_is_no_reward() -> None:
    answer = client(StuckEngine(), seconds=0.3).post("/reward", json={"prompt": "p", "response": "slow"})
    assert (answer.status_code, answer.json()) == (504, {"detail": "not judged within 0.3 s"})


def test_steps_are_told_as_they_are_judged() -> None:
    answer = client().post("/v1/score", json={**BODY, "stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    *steps, (last, result) = events(answer.text)
    assert [(name, step["step"], step["reward"]) for name, step in steps] == [
        ("step", 0, RIGHT),
        ("step", 1, WRONG),
    ]
    assert last == "result"
    assert result == client().post("/v1/score", json=BODY).json()


def test_a_step_without_a_verdict_has_no_reward_in_its_event() -> None:
    (_, step), _ = events(
        client(silent_engine()).post("/v1/score", json={**BODY, "steps": ["fine"], "stream": True}).text
    )
    assert (step["reward"], step["verdict"]) == (None, "none")


async def test_a_failure_ends_the_events() -> None:
    engine = judge_engine()
    await engine.close()
    [(name, error)] = events(client(engine).post("/v1/score", json={**BODY, "stream": True}).text)
    assert (name, error["status"]) == ("error", 502)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"votes": 65}, "field 'votes' is 65, allowed: a whole number from 1 to 64"),
        ({"votes": True}, "field 'votes' is True"),
        ({"deadline": 0}, "field 'deadline' is 0, allowed: seconds, above 0 and at most 600"),
        ({"mode": "x"}, "mode is 'x', allowed: full, cot"),
        ({"stream": 1}, "field 'stream' is 1, allowed: true or false"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], message: str) -> None:
    answer = client().post("/v1/score", json={**BODY, **options})
    assert (answer.status_code, message in answer.json()["detail"]) == (422, True)


@pytest.mark.parametrize("options", [{"votes": 2}, {"deadline": 1}, {"mode": "cot"}, {"stream": True}])
def test_a_model_with_one_way_of_judging_says_so(options: dict[str, Any]) -> None:
    served = TestClient(create_app(Scorer(Head(), Limits(), 0.5)))
    answer = served.post("/v1/score", json={"problem": "p", "steps": ["a"], **options})
    assert (answer.status_code, "has one way of judging" in answer.json()["detail"]) == (422, True)


def test_solutions_beyond_the_places_wait() -> None:
    items = [{"problem": "p", "steps": [f"fine {number}"]} for number in range(20)]
    answer = client(concurrent=1).post("/v1/score", json={"items": items}).json()
    assert [item["rewards"] for item in answer["items"]] == [[RIGHT]] * 20
    assert client(concurrent=1, waiting=19).post("/v1/score", json={"items": items}).status_code == 503
