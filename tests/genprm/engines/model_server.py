"""Servers of models in a process of their own, which can be killed: the embedded engine behind each address.

As a program it prints the address of each model that it is given, and `busy MODEL` when one was asked often.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from genprm.engines import open_engine, resolve_model
from tests.genprm.engines.backends import EMBEDDED, served_by
from tests.genprm.engines.completions_server import Answer, CompletionsServer
from tests.genprm.engines.told_numbers import draw_like_a_server

BUSY = 12
"""Requests after which a model counts as busy."""


class ModelServers:
    """The parent's end of the process."""

    def __init__(self, models: Mapping[str, str]) -> None:
        named = [f"{name}={weights}" for name, weights in models.items()]
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, *named], stdout=subprocess.PIPE, text=True
        )
        self.urls = {name: self._next_line() for name in models}

    def wait_until_busy(self) -> str:
        """The next model that was asked often, once it was."""
        return self._next_line().removeprefix("busy ")

    def _next_line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, f"the servers ended with status {self._process.wait()}"
        return line

    def kill(self) -> None:
        """End it at once, in the middle of what it does."""
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def model_servers(models: Mapping[str, str]) -> Iterator[ModelServers]:
    """A process that serves weights under names while the block runs."""
    servers = ModelServers(models)
    try:
        yield servers
    finally:
        servers.kill()


def _serve(name: str, weights: str) -> str:
    path = resolve_model(weights)
    return CompletionsServer(_noting(name, served_by(open_engine(path, EMBEDDED), path)), name).url


def _noting(name: str, answer: Answer) -> Answer:
    asked = 0

    async def noted(body: Mapping[str, Any]) -> dict[str, Any]:
        nonlocal asked
        asked += body["max_tokens"] > 1  # connecting asks for one token
        if asked == BUSY and body["max_tokens"] > 1:
            print(f"busy {name}", flush=True)
        return await answer(body)

    return noted


if __name__ == "__main__":
    draw_like_a_server()
    for argument in sys.argv[1:]:
        print(_serve(*argument.split("=", 1)), flush=True)
    signal.pause()
