"""A server in this process, with a judge that calls a step wrong when its text says so."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from genprm.engines.base import Engine
from genprm.modes import Mode
from genprm.reward_models.base import Asking
from genprm.reward_models.genprm import GenPRMRewardModel
from genprm.serve.app import create_app
from genprm.serve.limits import Limits
from genprm.serve.scorer import Scorer
from genprm.settings import VerifierSettings
from genprm.verification.verifier import Verifier
from tests.genprm.scripted_engine import ScriptedEngine
from tests.genprm.scripted_judge import EchoSandbox, judge_engine

RIGHT, WRONG = pytest.approx(8 / 9, abs=1e-6), pytest.approx(1 / 9, abs=1e-6)


def silent_engine() -> ScriptedEngine:
    """It never gives a verdict."""
    return ScriptedEngine(lambda prompt: "Hm.", lambda prompt: {})


def client(engine: Engine | None = None, api_key: str | None = None, **limits: Any) -> TestClient:
    verifier = Verifier(engine or judge_engine(), EchoSandbox(), VerifierSettings())
    model = GenPRMRewardModel(verifier, Mode.FULL, Asking(texts=True))
    app = create_app(Scorer(model, Limits(**limits), 0.5), api_key)
    return TestClient(app, raise_server_exceptions=False)
