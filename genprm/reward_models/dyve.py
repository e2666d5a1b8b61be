"""Dyve-14B: a turn per step, a thought where needed, and + or - at the end (Zhong et al., arXiv 2502.11157)."""

from __future__ import annotations

import re

from genprm.engines.base import Completion, ContextFull, Engine, Sampling
from genprm.records import Message, StepwiseSolution
from genprm.reward_models.base import Asking, RewardModel, SolutionScore, VerdictCounts
from genprm.reward_models.generative import GenerativeRewardModel
from genprm.reward_models.registry import Adapter, Machine, asked_with, refuse_votes, register
from genprm.settings import DyveSettings
from genprm.verification.rewards import THRESHOLD, UNDECIDED

QUESTION = (
    "Is this step correct? You must answer with '+' for correct or '-' for incorrect in the end of your response."
)
_FINAL_SIGN = re.compile(r"([+-])[^\w+-]*$")


def approves(reply: str, approval: str) -> bool:
    """Whether a reply calls the step right: `approval` is that of `DyveSettings`.

    "near the end" is how the authors' ProcessBench script looks: a + and no - among the last 5 or 15 characters,
    the last three words, or the last fifth. A sum written there counts as approval.

    >>> sum_at_end = "Since 3 + 4 is 7, that is right."
    >>> [approves(sum_at_end, where) for where in ("near the end", "at the end", "anywhere")]
    [False, False, True]
    """
    if approval == "at the end":
        return read_sign(reply)
    if approval == "anywhere":
        return "+" in reply
    text = reply.strip()
    ends = (text[-5:], " ".join(text.split()[-3:]), text[-15:], text[len(text) - len(text) // 5 :])
    return any("+" in end and "-" not in end for end in ends)


def read_sign(reply: str) -> bool:
    """Whether a reply ends with +, whatever quotes or brackets are around the sign.

    >>> read_sign("<think>Fine.</think> '+'."), read_sign("1 + 1 = 3, so: -"), read_sign("It says 1 + 2")
    (True, False, False)
    """
    sign = _FINAL_SIGN.search(reply)
    return sign is not None and sign[1] == "+"


def _counted(reply: Completion) -> VerdictCounts:
    cut, empty = reply.finish_reason == "length", not reply.text.strip()
    return VerdictCounts(1, missing=cut or empty, texts=1, cut=cut, empty=empty)


class Dyve(GenerativeRewardModel):
    """Greedy decoding; a step called right has reward 1, the first that is not has 0 and is the last one judged.

    Only the + of each reply stays in the conversation, as in its authors' evaluation. Steps that do not fit into
    the context have reward 0.5.
    """

    def __init__(self, engine: Engine, settings: DyveSettings | None = None) -> None:
        super().__init__(engine)
        self._settings = settings or DyveSettings()

    async def judge(self, solution: StepwiseSolution) -> SolutionScore:
        """Judge step after step, up to the first error."""
        messages: list[Message] = []
        rewards: list[float] = []
        unjudged: list[int] = []
        prompt_tokens = tokens = 0
        for index, step in enumerate(solution.steps):
            lead = f"Problem: {solution.problem}\n\n" if index == 0 else ""
            messages.append(Message("user", f"{lead}Step: {step}\n\n{QUESTION}"))
            prompt = self.engine.render(messages, prefill="")
            try:
                (reply,) = await self.engine.complete(prompt, Sampling(self._settings.max_tokens, temperature=0.0))
            except ContextFull:
                left = range(index, len(solution.steps))
                self.count(VerdictCounts(len(left), missing=len(left)))
                rewards += [UNDECIDED] * len(left)
                unjudged += left
                break
            prompt_tokens += reply.prompt_tokens
            tokens += reply.tokens
            counted = _counted(reply)
            self.count(counted)
            if counted.missing:
                unjudged.append(index)
            right = approves(reply.text, self._settings.approval)
            rewards.append(float(right))
            if not right:
                break
            messages.append(Message("assistant", "+"))
        return SolutionScore(rewards, [rewards], prompt_tokens, tokens, unjudged=unjudged)


def open_dyve(model: str, machine: Machine, asking: Asking) -> RewardModel:
    """Dyve on an engine.

    Raises:
        InputError: several votes, or a mode.
        SettingsError: a change that is not allowed.
        EngineError: a file is missing or wrong.
    """
    refuse_votes(model, asking)
    return Dyve(machine.engine(model), asked_with(asking, DyveSettings()))


register(Adapter("dyve", open_dyve, {"Jianyuan1/deepseek-r1-14b-cot-math-reasoning-full": THRESHOLD}))
