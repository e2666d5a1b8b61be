"""Completions of a policy's open turn, in batches that are graded and kept in a journal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from genprm.engines.base import Completion, Engine
from genprm.journal import Journal, once, row_key
from genprm.settings import SamplingSettings
from genprm.steps import prompt_messages, sampling_of


class PolicySettings(Protocol):
    """How a policy is asked."""

    @property
    def model(self) -> str: ...
    @property
    def system(self) -> str | None: ...
    @property
    def prompt(self) -> str: ...
    @property
    def sampling(self) -> SamplingSettings: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """`count` completions of a solution of `problem` that begins with `prefill`; `answer` is the reference."""

    problem: str
    answer: str
    prefill: str
    seed: int
    count: int


Row = dict[str, Any]
"""A graded batch, as JSON."""


class JournaledSampler:
    """Samples and grades batches of one policy; with a `journal` no batch is ever sampled twice.

    `made_by` is whatever else decides what the engine says (weights, code version), as JSON.
    """

    def __init__(
        self, engine: Engine, settings: PolicySettings, journal: Journal | None = None, made_by: Any = None
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._journal = journal
        self._made_by = made_by

    async def row(self, kind: str, batch: Batch, grade: Callable[[list[Completion]], Awaitable[Row]]) -> Row:
        """Return what `grade` makes of the completions of a batch, from the journal where it is there. Rows of one
        `kind` have the same fields.

        Raises:
            EngineError: as raised by the engine.
        """
        settings = self._settings
        messages = prompt_messages(settings.system, settings.prompt, batch.problem)

        async def draw() -> Row:
            prompt = self._engine.render(messages, prefill=batch.prefill)
            return await grade(
                await self._engine.complete(prompt, sampling_of(settings.sampling, batch.seed), batch.count)
            )

        if self._journal is None:
            return await draw()
        said = [(message.role, message.content) for message in messages]
        sampling = settings.sampling.model_dump(mode="json")
        asked = (said, batch.prefill, settings.model, sampling, batch.seed, batch.count)
        row: Row = await once(self._journal, row_key(kind, *asked, batch.answer, self._made_by), draw)
        return row
