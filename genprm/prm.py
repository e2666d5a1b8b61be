"""GenPRM for use: load a checkpoint, score the steps of a solution, read why.

>>> prm = GenPRM.load("miniature/rationale")                                        # doctest: +SKIP
>>> result = prm.score("Tom has 3 keys and gets 4 more. How many?", ["3 + 4 = 8"], votes=4)  # doctest: +SKIP
>>> result.first_error, result.paths[0].steps[0].analysis                            # doctest: +SKIP
"""

from __future__ import annotations

import asyncio
import dataclasses
import operator
import re
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, SupportsIndex, TypeVar

import numpy as np

from genprm.data_sets.rows import InputError, shown
from genprm.engines import open_engine
from genprm.engines.base import Engine, EngineError
from genprm.evaluation.calibration_file import calibration_beside, read_calibration
from genprm.evaluation.calibrators import Calibrator
from genprm.evaluation.evaluate import evaluate_cases
from genprm.event_loops import BackgroundLoop, together
from genprm.modes import Mode
from genprm.records import BenchmarkCase, Prediction
from genprm.reward_models.base import Asking
from genprm.reward_models.genprm import GenPRMRewardModel
from genprm.sandbox import open_sandbox
from genprm.sandbox.base import Sandbox
from genprm.settings import LIVE_PATHS, EngineSettings, SandboxSettings, VerifierSettings
from genprm.splitting.free_text import SplitError, split_solution
from genprm.verification.manifest import model_manifest
from genprm.verification.rewards import THRESHOLD, Reading
from genprm.verification.verifier import Verifier
from genprm.verification.voting import Result, score_solution

T = TypeVar("T")

_HALF_PAIR = re.compile("[\ud800-\udfff]")
_IN_PROCESS = ("transformers", "vllm")


def check_solution(problem: str, steps: Iterable[str]) -> list[str]:
    """Check a solution, and return its steps as a list. `steps` may be an array, a Series or a generator, or one
    text, which is split (`genprm.splitting.free_text.split_solution`).

    Raises:
        InputError: no problem text, no steps, steps without an order, or a step that is not text.
    """
    _check_text("problem", problem)
    if isinstance(steps, str) and steps.strip():
        _check_text("steps", steps)
        return _split(steps)
    unordered = isinstance(steps, str | bytes | set | frozenset) or not isinstance(steps, Iterable)
    listed = [] if unordered else list(steps)
    if not listed:
        raise InputError(
            f"steps is {shown(steps)}, allowed: a non-empty list of strings, one per step, or the solution as text"
        )
    for index, step in enumerate(listed):
        _check_text(f"steps[{index}]", step)
    return [str(step) for step in listed]


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{name} is {shown(value)}, allowed: a non-empty string")
    if half := _HALF_PAIR.search(value):
        raise InputError(f"{name} has half a surrogate pair ({half[0]!a}), which is no character, allowed: text")


def _split(text: str) -> list[str]:
    try:
        return split_solution(text).steps
    except SplitError as error:
        raise InputError(f"steps is {shown(text)}: {error}") from None


def check_mode(mode: str, further: Sequence[str] = ()) -> Mode:
    """Return the mode with that name. `further` are other words that the caller accepts in its place.

    Raises:
        InputError: there is no such mode; the message names all that is allowed.
    """
    if mode not in tuple(Mode):
        raise InputError(f"mode is {shown(mode)}, allowed: {', '.join([*Mode, *further])}")
    return Mode(mode)


def check_votes(votes: int) -> int:
    """Check a number of verification paths, and return it.

    Raises:
        InputError: it is not a whole number from 1.
    """
    if isinstance(votes, bool) or not isinstance(votes, SupportsIndex) or operator.index(votes) < 1:
        raise InputError(f"votes is {shown(votes)}, allowed: a whole number from 1")
    return operator.index(votes)


def engine_settings(engine: str) -> EngineSettings:
    """Settings of the engine called `engine`: transformers, vllm, or the URL of a completions server.

    Raises:
        InputError: it is none of these.
    """
    if engine.startswith(("http://", "https://")):
        return EngineSettings(backend="openai", url=engine)
    if engine not in _IN_PROCESS:
        raise InputError(f"engine is {shown(engine)}, allowed: {', '.join(_IN_PROCESS)}, or the URL of a server")
    return EngineSettings.model_validate({"backend": engine})


def _counted(progress: Callable[[int], None] | None) -> Callable[[int, Result], None]:
    """A callback for results that calls `progress(1)`, if there is a `progress`."""
    return lambda index, result: progress(1) if progress else None


class GenPRM:
    """A generative process reward model, ready to score solutions.

    Engine and sandbox live in a background thread with an event loop of its own, so the plain methods work
    anywhere (in a notebook, too) and the `async` ones in any event loop. Close it, or use it as a context manager.

    `calibrator` fills `Result.calibrated`; `load` takes it from `calibration.json` beside the weights, where
    `genprm calibrate --save` wrote one.
    """

    def __init__(
        self,
        engine: Engine,
        sandbox: Sandbox,
        verifier: VerifierSettings,
        mode: Mode,
        live_paths: int = LIVE_PATHS,
    ) -> None:
        self._background = BackgroundLoop("genprm")
        self._engine = engine
        self._sandbox = sandbox
        self._verifier = Verifier(engine, sandbox, verifier, live_paths)
        self.calibrator: Calibrator | None = None
        self.mode = mode

    @classmethod
    def load(
        cls,
        model: str | Path,
        engine: str | EngineSettings = "transformers",
        mode: Mode | None = None,
        *,
        verifier: VerifierSettings | None = None,
        sandbox: SandboxSettings | None = None,
        system: str | None = None,
    ) -> GenPRM:
        """A model from a directory, the hub, or `miniature/<name>`.

        Args:
            engine: transformers, vllm, or the URL of an OpenAI-compatible completions server; or its settings.
            mode: how steps are judged; the mode the checkpoint was trained in when empty (full if it does not say).
            verifier: turn format and sampling; those the checkpoint was trained with when empty.
            system: the system message; when empty, that of `verifier`. A published checkpoint needs the one it was
                trained with, which is read from its data set when none is given.

        Raises:
            InputError: no such engine or mode, no system message for a published checkpoint, or a file that holds
                no calibration.
            EngineError: no such model, or it cannot be loaded.
            SandboxError: the isolation asked for is not available.
        """
        chosen = engine_settings(engine) if isinstance(engine, str) else engine
        manifest = model_manifest(str(model), system, verifier)
        if manifest.adapter is not None:
            raise EngineError(
                f"model {str(model)!r} was trained to verify whole solutions ({manifest.adapter}): "
                "`genprm evaluate` asks it, a verifier does not"
            )
        wanted = check_mode(mode or manifest.inference_mode or "full")
        found = calibration_beside(str(model))
        calibrator = None if found is None else read_calibration(found)
        opened = open_sandbox(sandbox or SandboxSettings())
        assert manifest.verifier is not None
        prm = cls(open_engine(str(model), chosen), opened, manifest.verifier, wanted, chosen.live_paths)
        prm.calibrator = calibrator
        return prm

    def score(self, problem: str, steps: Iterable[str], votes: int = 1, mode: Mode | None = None) -> Result:
        """Rewards for the steps of one solution from `votes` verification paths (Maj@N).

        Raises:
            InputError: empty problem or steps, votes below 1, no such mode.
            EngineError, SandboxError: they cannot go on.
        """
        return self.score_many([(problem, steps)], votes, mode)[0]

    def score_many(
        self,
        solutions: Sequence[tuple[str, Iterable[str]]],
        votes: int = 1,
        mode: Mode | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> list[Result]:
        """Like `score`, for many (problem, steps) at once, in order; `progress(1)` after each."""
        scoring = self._score_many(solutions, votes, mode, _counted(progress))
        return self._background.run(scoring).result()

    def score_each(
        self, solutions: Sequence[tuple[str, Iterable[str]]], votes: int = 1, mode: Mode | None = None
    ) -> Iterator[tuple[int, Result]]:
        """Yield the index and result of each (problem, steps) as soon as it is finished, in any order.

        Raises:
            InputError, EngineError, SandboxError: as `score`, after the results that were finished before.
        """
        finished: SimpleQueue[tuple[int, Result] | None] = SimpleQueue()
        scoring = self._background.run(
            self._score_many(solutions, votes, mode, lambda index, result: finished.put((index, result)))
        )
        scoring.add_done_callback(lambda _: finished.put(None))
        try:
            while (one := finished.get()) is not None:
                yield one
            scoring.result()
        finally:
            scoring.cancel()

    async def score_async(
        self, problem: str, steps: Iterable[str], votes: int = 1, mode: Mode | None = None
    ) -> Result:
        """`score` as a coroutine."""
        return (await self.score_many_async([(problem, steps)], votes, mode))[0]

    async def score_many_async(
        self,
        solutions: Sequence[tuple[str, Iterable[str]]],
        votes: int = 1,
        mode: Mode | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> list[Result]:
        """`score_many` as a coroutine."""
        scoring = self._score_many(solutions, votes, mode, _counted(progress))
        return await asyncio.wrap_future(self._background.run(scoring))

    async def _score_many(
        self,
        solutions: Sequence[tuple[str, Iterable[str]]],
        votes: int,
        mode: Mode | None,
        finished: Callable[[int, Result], None],
    ) -> list[Result]:
        wanted = check_mode(mode or self.mode)
        paths = check_votes(votes)
        checked = [(problem, check_solution(problem, steps)) for problem, steps in solutions]

        async def scored(index: int, problem: str, steps: list[str]) -> Result:
            result = self._calibrate(await score_solution(self._verifier, problem, steps, paths, wanted))
            finished(index, result)
            return result

        return await together([scored(index, *solution) for index, solution in enumerate(checked)])

    def _calibrate(self, result: Result) -> Result:
        if self.calibrator is None:
            return result
        return dataclasses.replace(result, calibrated=self.calibrator(np.array(result.rewards)).tolist())

    def evaluate(
        self,
        cases: Sequence[BenchmarkCase],
        votes: int = 1,
        mode: Mode | None = None,
        progress: Callable[[int], None] = lambda finished: None,
    ) -> list[Prediction]:
        """Predictions for benchmark cases, in order; each path goes as far as some metric needs it.

        Raises:
            InputError: votes below 1, no such mode.
            EngineError, SandboxError: they cannot go on.
        """
        wanted = check_mode(mode or self.mode)
        model = GenPRMRewardModel(self._verifier, wanted, Asking(check_votes(votes), until=THRESHOLD))
        return self._background.run(evaluate_cases(model, cases, THRESHOLD, progress)).result()

    def reading(self) -> Reading:
        """How the rewards given so far were read."""
        return self._verifier.reading()

    def run(self, work: Callable[[Verifier], Coroutine[Any, Any, T]]) -> T:
        """Return the result of a coroutine that judges with this model. It runs on the event loop of the engine."""
        return self._background.run(work(self._verifier)).result()

    def close(self) -> None:
        """Free the model and kill every interpreter. Closing twice is harmless."""
        if self._background.running:
            self._background.run(self._close()).result()
            self._background.stop()

    async def _close(self) -> None:
        await self._engine.close()
        await self._sandbox.close()

    def __enter__(self) -> GenPRM:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"GenPRM({self._engine.model!r}, mode={self.mode!r})"
