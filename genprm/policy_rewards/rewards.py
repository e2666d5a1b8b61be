"""Rewards of samples: the final answer is checked, the steps are judged where they count, and `Choice` decides."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType

from genprm.data_sets.rows import InputError, shown
from genprm.domains.base import AnswerCheck
from genprm.domains.mathematics import MATHEMATICS
from genprm.engines.base import EngineError
from genprm.event_loops import BackgroundLoop, together
from genprm.policy_rewards.choices import Choice, policy_reward
from genprm.policy_rewards.judges import StepJudge
from genprm.policy_rewards.samples import Sample
from genprm.splitting.free_text import SplitError, split_solution, without_thought
from genprm.verification.rewards import THRESHOLD

_THOUGHT_END = "</think"


class PolicyRewards:
    """Rewards of what a policy wrote.

    Everything runs on an event loop in a thread of its own, so that frameworks may ask from any thread and from any
    loop. Close it, or use it as a context manager.

    Args:
        judge: the judge of steps; None where only the final answer is rewarded.
        threshold: a step is wrong when its reward is below this.
        thinks: the prompt opens a thought, so that a response in which none ends is nothing but thought.

    Raises:
        InputError: the choice needs a judge.
    """

    def __init__(
        self, choice: Choice, judge: StepJudge | None, threshold: float = THRESHOLD, thinks: bool = False
    ) -> None:
        if judge is None and choice is not Choice.OUTCOME:
            raise InputError(f"the reward {choice.value!r} needs a judge of steps: a model or the url of a server")
        self.choice = choice
        self._judge = judge
        self._threshold = threshold
        self._thinks = thinks
        self._background = BackgroundLoop("policy rewards")
        self._resources = ExitStack()
        self._answers: AnswerCheck = self._resources.enter_context(MATHEMATICS.answers())

    def rewards(self, samples: Sequence[Sample]) -> list[float | None]:
        """One reward in [0, 1] for each sample, in order (`policy_reward`); None where a step without a verdict
        leaves it open. A response without a solution, such as one that ends within its thought, gets 0.

        Raises:
            InputError: a reference that is needed is missing or is no answer, or a problem is empty.
            EngineError, SandboxError: as raised by the judge.
        """
        return self._background.run(self._rewards(samples)).result()

    async def rewards_async(self, samples: Sequence[Sample]) -> list[float | None]:
        """`rewards` as a coroutine."""
        return await asyncio.wrap_future(self._background.run(self._rewards(samples)))

    async def _rewards(self, samples: Sequence[Sample]) -> list[float | None]:
        for index, sample in enumerate(samples):
            self._check(sample, f"sample {index}")
        written = [self._solution(sample.response) for sample in samples]
        steps = [solution_steps(one) for one in written]
        right = await together([self._answer_right(*one) for one in zip(samples, written, strict=True)])
        counted = [bool(steps[i]) and self.choice.needs_steps(right[i]) for i in range(len(samples))]
        solutions = [(samples[i].problem, steps[i]) for i in range(len(samples)) if counted[i]]
        judged = iter(await self._judge.judge(solutions) if self._judge is not None and solutions else [])
        return [
            policy_reward(self.choice, right[i], next(judged) if counted[i] else [], self._threshold)
            if steps[i]
            else 0.0
            for i in range(len(samples))
        ]

    def _solution(self, response: str) -> str:
        """The response after its thought; the final answer is not looked for in the thought either."""
        return "" if self._thinks and _THOUGHT_END not in response else without_thought(response)

    async def _answer_right(self, sample: Sample, solution: str) -> bool | None:
        if not self.choice.needs_reference or sample.reference is None:
            return None
        return await self._answers.same(sample.reference, self._answers.extract(solution))

    def _check(self, sample: Sample, where: str) -> None:
        if not sample.problem.strip():
            raise InputError(f"{where}: the problem is {shown(sample.problem)}, allowed: a non-empty string")
        if not self.choice.needs_reference:
            return
        if sample.reference is None:
            raise InputError(f"{where}: there is no reference answer; the reward {self.choice.value!r} needs it")
        if not sample.reference.strip() or "\n" in sample.reference.strip():
            raise InputError(
                f"{where}: the reference is {shown(sample.reference)}, allowed: the final answer alone, in one line"
            )

    def close(self) -> None:
        """Free the judge and the answer check. Closing twice is harmless."""
        if self._background.running:
            if self._judge is not None:
                self._background.run(self._judge.close()).result()
            self._background.stop()
            self._resources.close()

    def __enter__(self) -> PolicyRewards:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def solution_steps(solution: str) -> list[str]:
    """The steps of a solution; none if it is empty."""
    try:
        return split_solution(solution).steps
    except SplitError:
        return []


def numbers(rewards: Sequence[float | None]) -> list[float]:
    """The rewards, for frameworks that cannot express a missing one.

    Raises:
        EngineError: one is missing.
    """
    missing = [index for index, reward in enumerate(rewards) if reward is None]
    if missing:
        raise EngineError(f"sample {missing[0]}: a step without a verdict leaves its reward open")
    return [reward for reward in rewards if reward is not None]
