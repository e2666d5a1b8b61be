"""`/verify`: a resource server of NeMo Gym (`nemo_gym/base_resources_server.py`)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from genprm.data_sets.chats import asked
from genprm.data_sets.rows import InputError
from genprm.data_sets.written_solutions import PROBLEM
from genprm.serve.requests import judging_routes
from genprm.serve.scorer import Scorer
from genprm.serve.solutions import written


class VerifyRequest(BaseModel):
    """What the policy was asked and its answer, a Response of OpenAI's; the fields of the task come beside them."""

    model_config = ConfigDict(extra="allow")

    responses_create_params: dict[str, Any]
    response: dict[str, Any]


class VerifyAnswer(VerifyRequest):
    """The request, and the rewards of its solution and of each step."""

    reward: float
    reward_components: dict[str, float]


def router(scorer: Scorer) -> APIRouter:
    """The endpoint."""
    routes = judging_routes()

    @routes.post("/verify")
    async def verify(body: VerifyRequest) -> VerifyAnswer:
        """NeMo Gym: the request again, with `reward` and what it is made of."""
        (judged,) = await scorer.score([written(problem_of(body), answer_of(body.response), "response")])
        rewards = judged.step_rewards("response")
        components = {f"step_{number}": reward for number, reward in enumerate(rewards, start=1)}
        reward = judged.outcome("response")
        return VerifyAnswer(**{**body.model_dump(), "reward": reward, "reward_components": components})

    return routes


def problem_of(body: VerifyRequest) -> str:
    """The problem: a field of the task with a name in `PROBLEM`, else what the user asked last.

    Raises:
        InputError: there is neither.
    """
    task = body.model_extra or {}
    named = next((task[name] for name in PROBLEM if isinstance(task.get(name), str)), None)
    if named is not None:
        return str(named)
    given = body.responses_create_params.get("input")
    # Items without a role are calls of tools and the like.
    spoken = [one for one in given if isinstance(one, dict) and "role" in one] if isinstance(given, list) else given
    return asked(spoken, "responses_create_params.input")


def answer_of(response: dict[str, Any]) -> str:
    """The text of the messages that a Response holds.

    Raises:
        InputError: there is none.
    """
    output = response.get("output")
    messages = [one for one in output if isinstance(one, dict)] if isinstance(output, list) else []
    parts = [one.get("content") for one in messages if one.get("type") == "message"]
    texts = [
        part["text"]
        for content in parts
        if isinstance(content, list)
        for part in content
        if isinstance(part, dict) and isinstance(part.get("text"), str)
    ]
    if not texts:
        raise InputError("field 'response' holds no message with text, allowed: output of type message")
    return "".join(texts)
