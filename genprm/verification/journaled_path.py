"""Verification paths whose steps are kept in a journal, so that no step is judged twice."""

from __future__ import annotations

from typing import Any

from genprm.journal import Journal, once, row_key
from genprm.records import StepVerification
from genprm.tables import from_dict, to_dict
from genprm.verification.judged_step import JudgedStep
from genprm.verification.path import VerificationPath


class JournaledPath:
    """A `VerificationPath` that finds steps in a journal that were judged before: by a run that was killed, or by
    another path over a solution with the same first steps.

    `key` names what decides the path besides its steps: problem, mode, number, weights and settings.
    """

    def __init__(self, path: VerificationPath, journal: Journal, key: str) -> None:
        self._path = path
        self._journal = journal
        self._key = key

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the conversation that the model did not write, each once."""
        return self._path.prompt_tokens

    async def judge(self, step: str) -> StepVerification:
        """Judge the next step, or find it judged.

        Raises:
            EngineError, SandboxError: as raised by the path.
        """
        key = row_key(self._key, step)
        judged = from_dict(JudgedStep, await once(self._journal, key, lambda: self._judged(step)))
        self._path.take(judged)
        self._key = key
        return judged.verification

    async def _judged(self, step: str) -> dict[str, Any]:
        # On a fork, so that a step which was judged here is taken from the journal like all others.
        async with self._path.fork() as path:
            await path.judge(step)
            return to_dict(path.last_judged())

    def fork(self) -> JournaledPath:
        """Another path with the same steps judged, which goes on independently."""
        return JournaledPath(self._path.fork(), self._journal, self._key)

    async def close(self) -> None:
        """Close the interpreter, if one was opened."""
        await self._path.close()
