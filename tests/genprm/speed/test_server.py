"""Clients that ask a model, in its process and over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from genprm.engines.base import EngineError
from genprm.modes import Mode
from genprm.reward_models.base import Asking
from genprm.reward_models.genprm import GenPRMRewardModel
from genprm.serve.app import create_app
from genprm.serve.limits import Limits
from genprm.serve.scorer import Scorer
from genprm.settings import VerifierSettings
from genprm.speed.server import Answered, Load, in_process, keep_asking, over_http, table
from genprm.speed.verifier import Solution
from genprm.verification.verifier import Verifier
from tests.genprm.scripted_judge import EchoSandbox, judge_engine
from tests.genprm.serve.served import listening

SOLUTIONS = [Solution("Add.", ["1 + 1 = 2", "2 + 2 = 5, wrong", "done"]), Solution("Count.", ["one", "two"])]


def judge() -> GenPRMRewardModel:
    verifier = Verifier(judge_engine(), EchoSandbox(), VerifierSettings())
    return GenPRMRewardModel(verifier, Mode.FULL, Asking(texts=True))


@pytest.fixture
def url() -> Iterator[str]:
    with listening(create_app(Scorer(judge(), Limits(), 0.5))) as url:
        yield url


def test_every_client_asks_again_until_the_time_is_over() -> None:
    at_once: list[int] = []
    asked: list[str] = []

    async def ask(solution: Solution) -> int:
        asked.append(solution.problem)
        at_once.append(1)
        await asyncio.sleep(0.01)
        at_once.pop()
        return len(solution.steps)

    found = asyncio.run(keep_asking(ask, Load(4, 0.1, SOLUTIONS)))
    assert found.requests == len(asked) >= 8
    assert found.steps == sum(3 if problem == "Add." else 2 for problem in asked)
    assert asked[:4] == ["Add.", "Count.", "Add.", "Count."], "in turn"


def test_a_server_judges_the_steps_that_the_model_judges(url: str) -> None:
    load = Load(3, 0.05, SOLUTIONS[:1])
    served, direct = asyncio.run(over_http(url, load)), asyncio.run(in_process(judge(), load))
    assert served.steps / served.requests == direct.steps / direct.requests == 3


def test_a_request_that_is_refused_ends_the_measurement(url: str) -> None:
    with pytest.raises(EngineError, match="status 4"):
        asyncio.run(over_http(url, Load(1, 0.05, [Solution("", ["one"])])))


def test_speeds_are_told_as_a_share() -> None:
    rows = table(Answered(10, 30, 3.0), Answered(8, 24, 3.0))
    assert [row["of direct %"] for row in rows] == [100, pytest.approx(80)]
