"""A server in this process, asked directly or over HTTP; its judge calls a step wrong when its text says so."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
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


@contextmanager
def listening(app: FastAPI) -> Iterator[str]:
    """The address of a server that listens on a free port while the block runs."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
