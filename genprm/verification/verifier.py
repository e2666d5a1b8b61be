"""Judging solutions with one model and one sandbox (paper 4.2, 4.3), as the rationale model and GenPRM do alike.

One path over a solution is a plain coroutine: run as many as you like at once, the engine batches what is in flight
and code runs in the sandbox meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from weakref import WeakKeyDictionary

from genprm.engines.base import Engine, EngineError
from genprm.modes import Mode
from genprm.records import StepVerification, Verification
from genprm.sandbox.base import Sandbox, SandboxError
from genprm.settings import LIVE_PATHS, VerifierSettings
from genprm.verification.conversation import conversation_messages
from genprm.verification.path import VerificationPath
from genprm.verification.rewards import VERDICT_LOGPROBS, WORDS, Reading, verdict_word

GoOn = Callable[[Sequence[float]], Awaitable[bool]]
"""Whether a path is to judge one more step, given its rewards so far. Asked between steps, in order."""


async def every_step(rewards: Sequence[float]) -> bool:
    """Judge all steps (`GoOn`)."""
    return True


def up_to_first_error(threshold: float = 0.5) -> GoOn:
    """Judge up to and including the first step whose reward is below `threshold`."""

    async def go_on(rewards: Sequence[float]) -> bool:
        return rewards[-1] >= threshold

    return go_on


class Verifier:
    """Judges the steps of solutions with one model and one sandbox, `live_paths` paths at a time."""

    def __init__(
        self,
        engine: Engine,
        sandbox: Sandbox | None,
        settings: VerifierSettings,
        live_paths: int = LIVE_PATHS,
    ) -> None:
        self.engine = engine
        self.sandbox = sandbox
        self.settings = settings
        self.live_paths = live_paths
        self._spellings: dict[str, set[str]] = {word: set() for word in WORDS}
        self._places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    def reading(self) -> Reading:
        """How the rewards given so far were read."""
        spellings = {word: sorted(found) for word, found in self._spellings.items()}
        return Reading(self.engine.provenance, VERDICT_LOGPROBS, spellings)

    def _note_spellings(self, tokens: Iterable[str]) -> None:
        for token in tokens:
            if (word := verdict_word(token)) is not None:
                self._spellings[word].add(token)

    def _place(self) -> asyncio.Semaphore:
        """A place among the live paths; a semaphore belongs to one event loop."""
        return self._places.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self.live_paths))

    async def verify(
        self,
        case_id: str,
        problem: str,
        steps: Sequence[str],
        mode: Mode | str,
        path: int = 0,
        go_on: GoOn = every_step,
    ) -> Verification:
        """One verification path: a reward in [0, 1] for each step, T in all unless `go_on` ends it before.

        `path` numbers independent paths of the same case (paper eq. 6): each has its own samples, history and
        interpreter. What scripts do wrong is data. A step whose verdict cannot be had, even when asked for it,
        has reward 0.5 and verdict "none". Of the paths asked for at once, `live_paths` are judged at a time.

        Raises:
            ValueError: no steps, or a mode that runs code without a sandbox.
            EngineError, SandboxError: as raised by engine and sandbox, with case, path and step named.
        """
        mode = Mode(mode)
        if not steps:
            raise ValueError(f"case {case_id!r}: steps is empty; at least one step is needed")
        if mode.runs and self.sandbox is None:
            raise ValueError(f"case {case_id!r}: mode {mode!r} runs code and needs a sandbox, got none")
        async with self._place():
            return await self._judged(case_id, problem, steps, mode, path, go_on)

    async def _judged(
        self, case_id: str, problem: str, steps: Sequence[str], mode: Mode, path: int, go_on: GoOn
    ) -> Verification:
        walk = VerificationPath(self.engine, self.sandbox, self.settings, case_id, path, mode)
        judged: list[StepVerification] = []
        try:
            for index in range(len(steps)):
                if judged and not await go_on([step.reward for step in judged]):
                    break
                history = [step.text for step in judged]
                messages = conversation_messages(self.settings.format, problem, steps[: index + 1], history, mode)
                judged.append(await walk.judge(messages, index))
        except EngineError as error:
            raise EngineError(f"case {case_id!r}, path {path}, step {len(judged)}: {error}") from error
        except SandboxError as error:
            raise SandboxError(f"case {case_id!r}, path {path}, step {len(judged)}: {error}") from error
        finally:
            self._note_spellings(walk.spellings)
            await walk.close()
        return Verification(
            id=case_id,
            path=path,
            mode=mode.value,
            steps=judged,
            prompt_tokens=walk.prompt_tokens,
            tokens=sum(step.tokens for step in judged),
            provenance=self.engine.provenance,
            spellings=sorted(walk.spellings),
        )
