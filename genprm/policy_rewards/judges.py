"""Judges of steps: a model that is loaded here, or a running `genprm serve`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from pydantic import BaseModel

from genprm.data_sets.rows import InputError, shown
from genprm.engines.remote.http import JsonClient, Retries
from genprm.event_loops import Places, together
from genprm.prm import GenPRM

Solution = tuple[str, list[str]]
"""A problem and the steps of a solution."""
StepRewards = list[float | None]
"""The reward of each step of a solution; None for a step without a verdict."""
_AT_ONCE = 256
"""Solutions of one process in flight at a server; the queue of `genprm serve` has room for four times as many."""
_LOOKS = 10.0
"""Seconds after which a busy server is asked again, at most."""


class StepJudge(Protocol):
    """Judges the steps of solutions."""

    async def judge(self, solutions: Sequence[Solution]) -> list[StepRewards]:
        """The rewards of the steps of each solution, in order.

        Raises:
            EngineError, SandboxError: the judge cannot go on.
        """
        ...

    async def close(self) -> None:
        """Free what was opened for judging."""
        ...


def step_rewards(rewards: Sequence[float], unjudged: Sequence[int], steps: int) -> StepRewards:
    """One reward for each of `steps` steps: None for those without a verdict or after the end of judging.

    >>> step_rewards([0.9, 0.5, 0.1], unjudged=[1], steps=4)
    [0.9, None, 0.1, None]
    """
    silent = set(unjudged)
    return [rewards[t] if t < len(rewards) and t not in silent else None for t in range(steps)]


class LocalJudge:
    """A model in this process; `votes` paths for each solution."""

    def __init__(self, prm: GenPRM, votes: int = 1) -> None:
        self._prm = prm
        self._votes = votes

    async def judge(self, solutions: Sequence[Solution]) -> list[StepRewards]:
        """Judge all solutions at once."""
        results = await self._prm.score_many_async(solutions, self._votes)
        return [
            step_rewards(result.rewards, result.unjudged, len(steps))
            for result, (_, steps) in zip(results, solutions, strict=True)
        ]

    async def close(self) -> None:
        """Free the model."""
        self._prm.close()


class _Answer(BaseModel):
    rewards: list[float]
    unjudged: list[int]


class ServerJudge:
    """A running `genprm serve`, asked for one solution per request, so that only a failed one is asked for again.

    Args:
        url: its address, as `http://host:8000`.
        votes: paths for each solution; None for as many as the server takes by itself.
        seconds: the longest to wait for an answer, and how long a server may be busy or away.
        key: sent as a bearer token.

    Raises:
        InputError: `url` is not the address of a server.
    """

    def __init__(self, url: str, votes: int | None, seconds: float, key: str | None = None) -> None:
        if not url.startswith(("http://", "https://")):
            raise InputError(f"url is {shown(url)}, allowed: the address of a server, http://... or https://...")
        self._client = JsonClient(url.rstrip("/"), seconds, Retries(5, longest_delay=_LOOKS, patience=seconds), key)
        self._places = Places(_AT_ONCE)
        self._options: dict[str, Any] = {} if votes is None else {"votes": votes}

    async def judge(self, solutions: Sequence[Solution]) -> list[StepRewards]:
        """Judge some hundred at a time: a server refuses what its queue has no room for, and others may use it
        too."""
        return await together([self._ask(problem, steps) for problem, steps in solutions])

    async def _ask(self, problem: str, steps: list[str]) -> StepRewards:
        body = {"problem": problem, "steps": steps, **self._options}
        async with self._places.here():
            answer = await self._client.ask("/v1/score", _Answer, body)
        return step_rewards(answer.rewards, answer.unjudged, len(steps))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
