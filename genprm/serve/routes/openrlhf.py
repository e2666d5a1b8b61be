"""`/get_reward`: OpenRLHF's remote reward model (`--reward.remote_url`)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from genprm.data_sets.chats import asked
from genprm.data_sets.rows import InputError
from genprm.data_sets.written_solutions import WrittenSolution
from genprm.serve.requests import judging_routes
from genprm.serve.scorer import Scorer
from genprm.serve.solutions import of_template, written


class RewardRequest(BaseModel):
    """Each `query` is prompt and response as one text; without `prompts`, as OpenRLHF asked until 0.5, the text of
    a chat template. Other servers of a list are sent empty lists.
    """

    query: list[str]
    prompts: list[str] | None = None
    labels: list[Any] = Field(default_factory=list)


class Rewards(BaseModel):
    """A number per query."""

    rewards: list[float]
    scores: list[float]
    extra_logs: dict[str, list[float]]


def router(scorer: Scorer) -> APIRouter:
    """The endpoint."""
    routes = judging_routes()

    @routes.post("/get_reward")
    async def get_reward(body: RewardRequest) -> Rewards:
        """OpenRLHF: a number per query."""
        solutions = read_queries(body)
        judged = await scorer.score(solutions)
        rewards = [one.outcome(f"query[{index}]") for index, one in enumerate(judged)]
        return Rewards(rewards=rewards, scores=rewards, extra_logs={})

    return routes


def read_queries(body: RewardRequest) -> list[WrittenSolution]:
    """The solutions of a request.

    Raises:
        InputError: queries and prompts do not match, or hold no problem or no solution.
    """
    if body.prompts is None:
        return [of_template(query, f"query[{index}]") for index, query in enumerate(body.query)]
    if len(body.query) != len(body.prompts):
        raise InputError(f"{len(body.query)} texts in 'query' and {len(body.prompts)} in 'prompts', allowed: alike")
    solutions = []
    for index, (query, prompt) in enumerate(zip(body.query, body.prompts, strict=True)):
        if not query.startswith(prompt):
            raise InputError(f"query[{index}] does not begin with its prompt")
        problem = asked(prompt, f"prompts[{index}]")
        solutions.append(written(problem, query.removeprefix(prompt), f"query[{index}]"))
    return solutions
