"""A reward model with the interface that search libraries expect: `score(prompt, solutions)`, as in its_hub."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple, overload

from genprm.data_sets.chats import asked
from genprm.event_loops import together
from genprm.prm import GenPRM, check_solution, check_votes
from genprm.scaling.best_of_n import solution_reward
from genprm.search.roles import GenerativeJudge, JudgedPath
from genprm.settings import Aggregate
from genprm.verification.verifier import Verifier

KEPT = 4096
"""Partial solutions whose conversations are kept, so that a longer solution is judged from there on."""

Solution = str | Sequence[str]
"""A solution as far as it is written: its text, or its steps."""


class _Judged(NamedTuple):
    path: JudgedPath
    rewards: tuple[float, ...]


class SolutionScorer:
    """Scores solutions that are being written. Each step is judged once, however many of the scored solutions begin
    with it. The class has the interface of a process reward model of its_hub (`AbstractProcessRewardModel`, version
    1.2), whose beam search and particle filtering can use it:

    >>> scorer = SolutionScorer(prm)                                                        # doctest: +SKIP
    >>> BeamSearch(StepGeneration(8, "\\n\\n"), scorer, 4).infer(lm, problem, budget=16)      # doctest: +SKIP

    Args:
        aggregate: how the rewards of the steps become the score (paper 5.3: the smallest).
        step_token: the separator between the steps of a solution that comes as text.
    """

    def __init__(self, prm: GenPRM, aggregate: Aggregate = "min", votes: int = 1, step_token: str = "\n\n") -> None:
        self._prm = prm
        self._aggregate: Aggregate = aggregate
        self._votes = check_votes(votes)
        self._step_token = step_token
        self._kept: OrderedDict[tuple[str, ...], asyncio.Task[_Judged]] = OrderedDict()

    @overload
    def score(self, prompt_or_messages: Any, solutions: str) -> float: ...
    @overload
    def score(self, prompt_or_messages: Any, solutions: Sequence[Solution]) -> list[float]: ...
    def score(self, prompt_or_messages: Any, solutions: str | Sequence[Solution]) -> float | list[float]:
        """The score of one text, or of each of several solutions, in [0, 1].

        Args:
            prompt_or_messages: the problem, or the conversation whose last user turn states it: messages with role
                and content, or what its_hub wraps them in.
            solutions: one text, or a list in which each solution is a text or a list of steps.

        Raises:
            InputError: no problem, or a solution without steps.
            EngineError, SandboxError: as raised by the judge.
        """
        problem = problem_of(prompt_or_messages)
        listed = [solutions] if isinstance(solutions, str) else list(solutions)
        split = [tuple(check_solution(problem, self._steps(solution))) for solution in listed]
        found = self._prm.run(lambda verifier: self._score_all(verifier, problem, split))
        return found[0] if isinstance(solutions, str) else found

    async def ascore(self, prompt_or_messages: Any, solutions: str | Sequence[Solution]) -> float | list[float]:
        """`score` as a coroutine, for any event loop."""
        return await asyncio.to_thread(self.score, prompt_or_messages, solutions)

    def _steps(self, solution: Solution) -> list[str]:
        if not isinstance(solution, str):
            return list(solution)
        return [step for step in solution.split(self._step_token) if step.strip()]

    async def _score_all(
        self, verifier: Verifier, problem: str, solutions: Sequence[tuple[str, ...]]
    ) -> list[float]:
        judge = GenerativeJudge(verifier, self._prm.mode, self._votes)
        judged = await together([self._judged(judge, problem, steps) for steps in solutions])
        return [solution_reward(one.rewards, self._aggregate) for one in judged]

    async def _judged(self, judge: GenerativeJudge, problem: str, steps: tuple[str, ...]) -> _Judged:
        """The conversation after these steps, continued from the one after all but the last of them."""
        if not steps:
            return _Judged(judge.start(problem), ())
        key = (problem, *steps)
        if key not in self._kept:
            self._kept[key] = asyncio.ensure_future(self._judge_last(judge, problem, steps))
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        try:
            return await asyncio.shield(self._kept[key])
        except BaseException:
            self._kept.pop(key, None)
            raise

    async def _judge_last(self, judge: GenerativeJudge, problem: str, steps: tuple[str, ...]) -> _Judged:
        before = await self._judged(judge, problem, steps[:-1])
        path = before.path.fork()
        try:
            judgement = await path.judge(steps[-1])
        finally:
            await path.close()
        return _Judged(path, (*before.rewards, judgement.reward))


def problem_of(prompt_or_messages: Any) -> str:
    """The problem that a prompt states: the text itself, or the last user turn of a conversation.

    Raises:
        InputError: no user turn with text.

    >>> problem_of([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 1 + 1?"}])
    'What is 1 + 1?'
    """
    if isinstance(prompt_or_messages, str):
        return asked(prompt_or_messages, "prompt")
    unwrap = getattr(prompt_or_messages, "to_chat_messages", None)
    messages = list(unwrap() if unwrap is not None else prompt_or_messages)
    read = [one if isinstance(one, dict) else {"role": one.role, "content": one.content} for one in messages]
    return asked(read, "prompt")
