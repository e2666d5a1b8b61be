"""Dyve-14B: a turn per step, a thought where needed, and + or - at the end (Zhong et al., arXiv 2502.11157)."""

from __future__ import annotations

import re

from genprm.engines.base import ContextFull, Sampling
from genprm.records import Message, StepwiseSolution
from genprm.reward_models.base import Asking, RewardModel, SolutionScore
from genprm.reward_models.generative import GenerativeRewardModel
from genprm.reward_models.registry import Adapter, Machine, refuse_votes, register
from genprm.verification.rewards import THRESHOLD, UNDECIDED

MAX_TOKENS = 1024
QUESTION = (
    "Is this step correct? You must answer with '+' for correct or '-' for incorrect in the end of your response."
)
_FINAL_SIGN = re.compile(r"([+-])[^\w+-]*$")


def read_sign(reply: str) -> bool:
    """Whether a reply calls the step right: it ends with +, whatever quotes or brackets stand around that.

    The published script takes any + near the end; a sum written there would count as approval.

    >>> read_sign("<think>Fine.</think> '+'."), read_sign("1 + 1 = 3, so: -"), read_sign("It says 1 + 2")
    (True, False, False)
    """
    sign = _FINAL_SIGN.search(reply)
    return sign is not None and sign[1] == "+"


class Dyve(GenerativeRewardModel):
    """Greedy decoding; a step called right has reward 1, the first that is not has 0 and is the last one judged.

    Of each reply only the + stays in the conversation, as its authors evaluate it. Steps that the context has no
    room for have reward 0.5.
    """

    async def judge(self, solution: StepwiseSolution) -> SolutionScore:
        """Judge step after step, up to the first error."""
        messages: list[Message] = []
        rewards: list[float] = []
        prompt_tokens = tokens = 0
        for index, step in enumerate(solution.steps):
            lead = f"Problem: {solution.problem}\n\n" if index == 0 else ""
            messages.append(Message("user", f"{lead}Step: {step}\n\n{QUESTION}"))
            prompt = self.engine.render(messages, prefill="")
            try:
                (reply,) = await self.engine.complete(prompt, Sampling(max_tokens=MAX_TOKENS, temperature=0.0))
            except ContextFull:
                rewards += [UNDECIDED] * (len(solution.steps) - index)
                break
            prompt_tokens += reply.prompt_tokens
            tokens += reply.tokens
            right = read_sign(reply.text)
            rewards.append(float(right))
            if not right:
                break
            messages.append(Message("assistant", "+"))
        return SolutionScore(rewards, [rewards], prompt_tokens, tokens)


def open_dyve(model: str, machine: Machine, asking: Asking) -> RewardModel:
    """Dyve on an engine.

    Raises:
        InputError: several votes, or a mode.
        EngineError: a file is missing or wrong.
    """
    refuse_votes(model, asking)
    return Dyve(machine.engine(model))


register(Adapter("dyve", open_dyve, {"Jianyuan1/deepseek-r1-14b-cot-math-reasoning-full": THRESHOLD}))
