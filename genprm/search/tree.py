"""Solutions that grow step by step from a common beginning, and what they have cost."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from genprm.engines.base import ContextFull
from genprm.event_loops import together
from genprm.search.roles import JudgedPath, StepJudge, StepPolicy
from genprm.seeds import derived_seed
from genprm.settings import SearchSettings
from genprm.step_sampler import SampledStep

_SATURATED = 1e-6
"""Rewards are kept at least this far from 0 and 1, so that log-odds stay finite."""


def log_odds(reward: float) -> float:
    """ln(r / (1 - r)) of a reward in [0, 1], finite at its ends.

    >>> log_odds(0.5), round(log_odds(0.9), 3), round(log_odds(1.0), 3)
    (0.0, 2.197, 13.816)
    """
    inside = min(max(reward, _SATURATED), 1.0 - _SATURATED)
    return math.log(inside / (1.0 - inside))


def rounded(reward: float) -> float:
    """Round a reward so that its log-odds have three decimals: rewards near 0 and 1 stay as distinct as others.

    A batch of another shape changes a reward in its seventh digit, and that must not change a search.

    >>> rounded(0.5), rounded(0.73105857) == rounded(0.73105864)
    (0.5, True)
    """
    return 1.0 / (1.0 + math.exp(-round(log_odds(reward), 3)))


@dataclass(slots=True)
class Purse:
    """Tokens that one part of a search may spend, and has spent."""

    limit: float
    spent: int = 0

    def shares(self, parts: int) -> list[Purse]:
        """Split the rest into `parts` purses with equal limits."""
        return [Purse((self.limit - self.spent) / parts) for _ in range(parts)]

    @property
    def empty(self) -> bool:
        """Whether nothing is left. Work that has already begun is still finished and paid for."""
        return self.spent >= self.limit


@dataclass(slots=True)
class Spending:
    """Tokens that the policy wrote; tokens that the judge wrote and read; steps that were sampled and judged."""

    policy_tokens: int = 0
    judge_tokens: int = 0
    judge_prompt_tokens: int = 0
    steps: int = 0
    judged_steps: int = 0
    truncated_steps: int = 0

    @property
    def total(self) -> int:
        """All tokens of policy and judge."""
        return self.policy_tokens + self.judge_tokens + self.judge_prompt_tokens


@dataclass(eq=False, slots=True)
class Node:
    """A solution as far as it is written.

    `name` says how it came about: child 2 of child 0 of the first beginning is `0.0.2`. `rewards` has a value per
    judged step: fewer values than steps if a step was surely wrong (`refuted`), or if nothing is judged. It has
    `ended` if the policy ended it, and is `given_up` if a step ran out of tokens or there are too many steps.
    """

    name: str
    parent: str | None
    steps: tuple[str, ...]
    rewards: tuple[float, ...]
    purse: Purse
    path: JudgedPath | None
    ended: bool = False
    given_up: bool = False
    refuted: bool = False
    drawn: int = 0

    @property
    def open(self) -> bool:
        """Whether it can go on."""
        return not (self.ended or self.given_up)

    @property
    def reward(self) -> float:
        """The smallest reward of its steps (min: paper 5.3); 0.5 where none was judged."""
        return min(self.rewards, default=0.5)

    @property
    def rank(self) -> tuple[bool, float, float]:
        """Sort key of solutions: first whether there is no sure No, then the log-odds of the worst step, then their
        mean over all steps. Log-odds tell rewards near 1 apart. The mean is rounded, so that equal solutions stay
        in the order drawn even if they differ in their number of steps."""
        odds = [log_odds(reward) for reward in self.rewards] or [0.0]
        return (not self.refuted, min(odds), round(statistics.fmean(odds), 6))


def best_first(nodes: Iterable[Node]) -> list[Node]:
    """Sort nodes by rank; of equals the one drawn first."""
    return sorted(nodes, key=lambda node: node.rank, reverse=True)


class Tree:
    """Grows the solutions of one problem."""

    def __init__(
        self, problem: str, policy: StepPolicy, judge: StepJudge | None, settings: SearchSettings, seed: int
    ) -> None:
        self.spending = Spending()
        self.nodes: list[Node] = []
        self.beginnings = 0
        self.seed = seed
        self.problem = problem
        self._policy = policy
        self._judge = judge
        self._settings = settings

    @property
    def finished(self) -> list[Node]:
        """The solutions that the policy ended, in the order of their names."""
        return sorted((node for node in self.nodes if node.ended), key=_place)

    async def finish_best(self) -> list[Node]:
        """Let the policy alone write the best partial solution (or a new one if there is none) to its end. Return
        it, or nothing if it runs out of tokens or steps."""
        ends = [node for node in self.nodes if node.open and not node.drawn] or [self.begin(Purse(math.inf))]
        # Nodes stand in the order in which they were judged, which must not decide between equals.
        node = max(sorted(ends, key=_place), key=lambda end: (not end.refuted, len(end.steps), end.rank))
        while node.open:
            node.path = None
            node = await self.advance(node)
        return [node] if node.ended else []

    def begin(self, purse: Purse) -> Node:
        """A beginning without steps. All that grows from it is paid from `purse`.

        Purses make a search repeatable: parts of it that grow at the same time pay from different purses.
        """
        path = None if self._judge is None else self._judge.start(self.problem)
        node = Node(str(self.beginnings), None, (), (), purse, path)
        self.beginnings += 1
        return node

    async def grow(self, node: Node, n: int) -> list[Node]:
        """`n` more continuations of `node` by one step, judged, in the order drawn. They differ from earlier ones.

        If the policy's context is full, there are none, and `node` is given up.
        """
        first, node.drawn = node.drawn, node.drawn + n
        seed = derived_seed(self.seed, node.name, first)
        try:
            sampled = await self._policy.next_step(self.problem, node.steps, n, seed)
        except ContextFull:
            node.given_up = True
            return []
        self._pay(node.purse, sampled)
        children = [self._child(node, first + index, step) for index, step in enumerate(sampled)]
        await together([self._judge_last_step(child) for child in children])
        self.nodes += children
        return children

    async def grow_each(self, counts: Iterable[tuple[Node, int]]) -> list[Node]:
        """Grow each node by its number of continuations. Return all of them, those of the first node first."""
        groups = await together([self.grow(node, count) for node, count in counts])
        return [child for group in groups for child in group]

    async def advance(self, node: Node) -> Node:
        """Return one continuation of `node`, or `node` itself, then given up, if there is none."""
        return next(iter(await self.grow(node, 1)), node)

    def _child(self, node: Node, number: int, step: SampledStep) -> Node:
        steps = (*node.steps, step.text)
        given_up = step.truncated or (not step.ended and len(steps) >= self._settings.max_steps)
        judging = node.path is not None and not node.refuted and not step.truncated
        return Node(
            name=f"{node.name}.{number}",
            parent=node.name,
            steps=steps,
            rewards=node.rewards,
            purse=node.purse,
            path=node.path.fork() if judging and node.path is not None else None,
            ended=step.ended,
            given_up=given_up,
            refuted=node.refuted,
        )

    def _pay(self, purse: Purse, sampled: Sequence[SampledStep]) -> None:
        tokens = sum(step.tokens for step in sampled)
        purse.spent += tokens
        self.spending.policy_tokens += tokens
        self.spending.steps += len(sampled)
        self.spending.truncated_steps += sum(step.truncated for step in sampled)

    async def _judge_last_step(self, node: Node) -> None:
        if node.path is None:
            return
        try:
            judged = await node.path.judge(node.steps[-1])
        finally:
            # Forks open what they need themselves, so nothing has to stay open for steps that may never come.
            await node.path.close()
        reward = rounded(judged.reward)
        node.rewards = (*node.rewards, reward)
        node.refuted = reward < self._settings.sure_no
        node.purse.spent += judged.tokens + judged.prompt_tokens
        self.spending.judge_tokens += judged.tokens
        self.spending.judge_prompt_tokens += judged.prompt_tokens
        self.spending.judged_steps += 1
        if node.refuted or not node.open:
            node.path = None


def _place(node: Node) -> list[int]:
    return [int(number) for number in node.name.split(".")]
