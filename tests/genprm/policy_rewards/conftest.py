"""A running reward server. Its judge calls a step wrong when its text says so, and says nothing of a silent one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from genprm.modes import Mode
from genprm.policy_rewards.options import close_shared_rewards
from genprm.reward_models.base import Asking
from genprm.reward_models.genprm import GenPRMRewardModel
from genprm.serve.app import create_app
from genprm.serve.limits import Limits
from genprm.serve.scorer import Scorer
from genprm.settings import VerifierSettings
from genprm.verification.verifier import Verifier
from tests.genprm.scripted_engine import ScriptedEngine
from tests.genprm.scripted_judge import EchoSandbox, last_step, reply, verdict
from tests.genprm.serve.served import listening


def judge_engine() -> ScriptedEngine:
    """The scripted judge, without a word where the last step says "silent"."""
    return ScriptedEngine(
        lambda prompt: "Hm." if "silent" in last_step(prompt) else reply(prompt),
        lambda prompt: {} if "silent" in last_step(prompt) else verdict(prompt),
    )


@pytest.fixture(scope="module")
def engine() -> ScriptedEngine:
    """What the server asks; it remembers."""
    return judge_engine()


@pytest.fixture(scope="module")
def running_server(engine: ScriptedEngine) -> Iterator[str]:
    """The address of `genprm serve`'s application on a free port."""
    verifier = Verifier(engine, EchoSandbox(), VerifierSettings())
    model = GenPRMRewardModel(verifier, Mode.FULL, Asking(texts=True))
    app = create_app(Scorer(model, Limits(), 0.5), api_key="open sesame")
    with listening(app) as url:
        yield url
        close_shared_rewards()


@pytest.fixture
def server(running_server: str, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server as the environment names it."""
    engine.requests.clear()
    monkeypatch.setenv("GENPRM_REWARD_URL", running_server)
    monkeypatch.setenv("GENPRM_REWARD_API_KEY", "open sesame")
    return running_server
