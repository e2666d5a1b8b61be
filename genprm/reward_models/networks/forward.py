"""Rewards from forward passes: token ids with marked positions in, hidden states at the marks out.

In a causal model, the state at a position does not depend on later tokens. One pass over a whole solution therefore
gives the same states as a pass over each of its prefixes, at the cost of one pass.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import torch

from genprm.engines.base import ContextFull, EngineError
from genprm.records import StepwiseSolution
from genprm.reward_models.base import Progress, RewardModel, SolutionScore
from genprm.reward_models.layouts import MarkedTokens
from genprm.settings import EngineSettings

BATCH_TOKENS = 16384
"""Tokens of one forward pass, padding included; a longer row is a batch of its own."""


Layout: TypeAlias = Callable[[str, Sequence[str]], list[MarkedTokens]]
"""A problem and its steps as rows whose marks, one after the other, belong to the steps: T in all."""
Reading: TypeAlias = Callable[[torch.Tensor], torch.Tensor]
"""Hidden states (marks, hidden size) as rewards (marks,) in [0, 1]."""


def batches(lengths: Sequence[int], budget: int = BATCH_TOKENS) -> Iterator[list[int]]:
    """Indices in groups of similar length whose padded size is at most `budget` tokens, the longest first.

    >>> list(batches([3, 9, 4], budget=10))
    [[1], [2, 0]]
    """
    group: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if group and (len(group) + 1) * lengths[group[0]] > budget:
            yield group
            group = []
        group.append(index)
    if group:
        yield group


def marked_states(body: Any, rows: Sequence[MarkedTokens]) -> list[torch.Tensor]:
    """The hidden states of the last layer at the marks of each row, one forward pass for all rows.

    Rows are padded on the right, and a state does not depend on later positions, so the padding changes nothing.
    The states are on the device of the body's first layer, also if the body is spread over several devices.
    """
    longest = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for index, row in enumerate(rows):
        ids[index, : len(row.ids)] = torch.tensor(row.ids)
        mask[index, : len(row.ids)] = 1
    with torch.inference_mode():
        states = body(
            input_ids=ids.to(body.device), attention_mask=mask.to(body.device), use_cache=False
        ).last_hidden_state
    return [states[index, row.marks].to(body.device) for index, row in enumerate(rows)]


class LocalRewardModel(RewardModel):
    """Networks in this process, asked in a thread and freed on closing."""

    def __init__(self, name: str, networks: Sequence[Any], settings: EngineSettings) -> None:
        self._name = name
        self._networks = tuple(networks)
        self._max_context = settings.max_context

    @property
    def name(self) -> str:
        """Path or hub id of the weights."""
        return self._name

    async def score_many(
        self, solutions: Sequence[StepwiseSolution], progress: Progress | None = None
    ) -> list[SolutionScore]:
        """Scores of many solutions, in order.

        Raises:
            ContextFull: a solution is longer than the context allowed.
            EngineError: the model is closed.
        """
        if not self._networks:
            raise EngineError(f"model {self._name!r} is closed")
        return await asyncio.to_thread(self._scores, solutions, progress)

    @abstractmethod
    def _scores(self, solutions: Sequence[StepwiseSolution], progress: Progress | None) -> list[SolutionScore]:
        """Scores of many solutions, in order."""

    async def close(self) -> None:
        """Free the networks."""
        self._networks = ()


class ForwardRewardModel(LocalRewardModel):
    """A body, the layout in which it is given a solution, and the reading of rewards from its hidden states."""

    def __init__(self, name: str, body: Any, layout: Layout, reading: Reading, settings: EngineSettings) -> None:
        super().__init__(name, [body], settings)
        self._layout = layout
        self._reading = reading

    def _scores(self, solutions: Sequence[StepwiseSolution], progress: Progress | None) -> list[SolutionScore]:
        (body,) = self._networks
        laid_out = [self._layout(solution.problem, solution.steps) for solution in solutions]
        rows = [row for part in laid_out for row in part]
        owners = [index for index, part in enumerate(laid_out) for _ in part]
        unread = [len(part) for part in laid_out]
        read: dict[int, list[float]] = {}
        check_lengths(self._name, rows, self._max_context)
        for group in batches([len(row.ids) for row in rows]):
            for index, states in zip(group, marked_states(body, [rows[i] for i in group]), strict=True):
                with torch.inference_mode():
                    read[index] = self._reading(states).tolist()
                unread[owners[index]] -= 1
                if progress is not None and not unread[owners[index]]:
                    progress(1)
        rewards: list[list[float]] = [[] for _ in solutions]
        for index, owner in enumerate(owners):
            rewards[owner] += read[index]
        return [
            SolutionScore(values, [values], prompt_tokens=sum(len(row.ids) for row in part))
            for values, part in zip(rewards, laid_out, strict=True)
        ]


def check_lengths(name: str, rows: Sequence[MarkedTokens], max_context: int) -> None:
    """Refuse rows that are longer than `max_context` tokens.

    Raises:
        ContextFull: there is one; the message has its length and the limit.
    """
    longest = max((len(row.ids) for row in rows), default=0)
    if longest > max_context:
        raise ContextFull(f"model {name!r}: a solution has {longest} tokens, engine.max_context is {max_context}")
