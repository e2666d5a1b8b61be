"""Judging solutions with one model and one sandbox (paper 4.2, 4.3), as the rationale model and GenPRM do alike.

One path over a solution is a plain coroutine: run as many as you like at once, the engine batches what is in flight
and code runs in the sandbox meanwhile. A solution that is still being written is judged step by step, on a path
that `Verifier.start` gives and that can be forked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from genprm.engines.base import Engine
from genprm.event_loops import Places
from genprm.modes import Mode
from genprm.records import Verification
from genprm.sandbox.base import Sandbox
from genprm.settings import LIVE_PATHS, VerifierSettings
from genprm.verification.path import VerificationPath
from genprm.verification.rewards import VERDICT_LOGPROBS, WORDS, Reading, verdict_word

GoOn = Callable[[Sequence[float]], Awaitable[bool]]
"""Whether a path is to judge one more step, given its rewards so far. Asked between steps, in order."""


async def every_step(rewards: Sequence[float]) -> bool:
    """Judge all steps (`GoOn`)."""
    return True


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
        self._places = Places(live_paths)

    def reading(self) -> Reading:
        """How the rewards given so far were read."""
        spellings = {word: sorted(found) for word, found in self._spellings.items()}
        return Reading(self.engine.provenance, VERDICT_LOGPROBS, spellings)

    def note_spellings(self, tokens: Iterable[str]) -> None:
        """Tokens that stood for Yes or No where a verdict was due (`reading`)."""
        for token in tokens:
            if (word := verdict_word(token)) is not None:
                self._spellings[word].add(token)

    def start(self, case_id: str, problem: str, mode: Mode, path: int = 0) -> VerificationPath:
        """A verification path that has judged no step yet; the caller closes it (`async with`).

        `case_id` and `path` decide its samples. `live_paths` does not bound these paths, as the verifier cannot
        know when they end. Engine and sandbox still bound their requests and processes.

        Raises:
            ValueError: a mode that runs code without a sandbox.
        """
        if mode.runs and self.sandbox is None:
            raise ValueError(f"case {case_id!r}: mode {mode!r} runs code and needs a sandbox, got none")
        return VerificationPath(self, case_id, problem, mode, path)

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
        interpreter. A failure of model-written code is part of the judgement, not an error. A step without a
        verdict, even when the model is asked for one, has reward 0.5 and verdict "none". Of the paths asked for at
        once, `live_paths` are judged at a time.

        Raises:
            ValueError: no steps, or a mode that runs code without a sandbox.
            EngineError, SandboxError: as raised by engine and sandbox, with case, path and step named.
        """
        mode = Mode(mode)
        if not steps:
            raise ValueError(f"case {case_id!r}: steps is empty; at least one step is needed")
        conversation = self.start(case_id, problem, mode, path)
        async with self._places.here(), conversation:
            for step in steps:
                if conversation.judged and not await go_on(conversation.rewards):
                    break
                await conversation.judge(step)
        return conversation.verification()
