"""Maj@N: what N verification paths over one solution add up to (paper 4.3)."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from genprm.event_loops import together
from genprm.modes import Mode
from genprm.records import NO_ERROR, StepVerification, StepwiseSolution, Verification, VoteReading
from genprm.seeds import case_id
from genprm.verification.rewards import THRESHOLD, Reading, first_error, rewards
from genprm.verification.verifier import Verifier, every_step


def majority_rewards(paths: Sequence[Sequence[float]]) -> list[float]:
    """Maj@N: the reward of step t is the mean over the N paths, r_t = (1/N) sum_i r_t^i (paper eq. 7).

    Each path i has its own history of analyses and code outputs (eq. 6). "Majority" is the paper's word: rewards
    are averaged, answers and error positions are not voted on. A path that stopped at its first error has no later
    rewards: a later step is the mean over the paths that still judge it.

    Args:
        paths: rewards per step, one sequence a path, each in [0, 1]; lengths may differ.

    Returns:
        One reward per step, as many as the longest path has.

    Raises:
        ValueError: no paths.

    >>> majority_rewards([[0.75, 0.5], [0.25]])
    [0.5, 0.5]
    """
    if not paths:
        raise ValueError("no verification paths to vote over; at least one is needed")
    length = max(len(path) for path in paths)
    return [statistics.fmean(path[t] for path in paths if len(path) > t) for t in range(length)]


def vote_reading(paths: Sequence[Verification]) -> VoteReading:
    """How the rewards of the paths over one solution were read."""
    return VoteReading(
        provenance=list(dict.fromkeys(path.provenance for path in paths)),
        spellings=sorted({token for path in paths for token in path.spellings}),
        forced=sum(step.forced or step.verdict == "none" for path in paths for step in path.steps),
    )


def joined_reading(readings: Iterable[VoteReading]) -> VoteReading:
    """How the rewards of several solutions were read."""
    all_of = list(readings)
    return VoteReading(
        provenance=list(dict.fromkeys(one for reading in all_of for one in reading.provenance)),
        spellings=sorted({token for reading in all_of for token in reading.spellings}),
        forced=sum(reading.forced for reading in all_of),
    )


def unjudged_steps(paths: Sequence[Verification]) -> list[int]:
    """0-based steps that were reached and on which no path gave a verdict."""
    return silent_steps([path.steps for path in paths])


def silent_steps(paths: Sequence[Sequence[StepVerification]]) -> list[int]:
    """0-based steps that were reached and on which no path gave a verdict, from the judged steps of each path."""
    length = max((len(path) for path in paths), default=0)
    reached = [[path[t] for path in paths if len(path) > t] for t in range(length)]
    return [t for t, steps in enumerate(reached) if all(step.verdict == "none" for step in steps)]


def executions(paths: Sequence[Verification]) -> int:
    """Code blocks that were run on the paths over one solution."""
    return sum(len(step.executions) for path in paths for step in path.steps)


class Vote:
    """The rewards of N paths over one solution as they come, and how far each path still has to go.

    Maj@N needs every path up to the first step whose mean reward is below the threshold; Pass@1 needs each path up
    to its own first error. A path goes on as far as either needs it, so both are what they would be if every path
    judged every step. A path without an error of its own never waits; one with an error waits, after each step, for
    the rewards of the others.
    """

    def __init__(self, votes: int, threshold: float) -> None:
        self._paths: list[list[float]] = [[] for _ in range(votes)]
        self._threshold = threshold
        self._news = asyncio.Event()

    def note(self, path: int, rewards: Sequence[float]) -> None:
        """Record the rewards that `path` has given so far, and wake the paths that wait for rewards."""
        if len(rewards) > len(self._paths[path]):
            self._paths[path] = list(rewards)
            news, self._news = self._news, asyncio.Event()
            news.set()

    async def goes_on(self, path: int, rewards: Sequence[float]) -> bool:
        """Whether `path`, which has given `rewards` so far, has to judge the next step (`GoOn` of the verifier)."""
        self.note(path, rewards)
        if first_error(rewards, self._threshold) == NO_ERROR:
            return True
        while (positive := self._positive(len(rewards))) is None:
            await self._news.wait()
        return positive

    def _positive(self, steps: int) -> bool | None:
        """Whether the mean is at least the threshold at each of the first `steps` steps; None while open."""
        known = min(steps, *(len(path) for path in self._paths))
        mean = majority_rewards([path[:known] for path in self._paths])
        if first_error(mean, self._threshold) != NO_ERROR:
            return False
        return True if known == steps else None


def case_name(solution: StepwiseSolution) -> str:
    """What decides the samples that are drawn for a solution: its id, or else its problem and steps."""
    return solution.id or case_id(solution.problem, solution.steps)


@dataclass(frozen=True, slots=True)
class Voting:
    """How the steps of a solution are judged: the mode, the number of paths, and the reward that means Yes."""

    mode: Mode
    votes: int
    threshold: float = THRESHOLD


async def verify_votes(
    verifier: Verifier,
    solution: StepwiseSolution,
    voting: Voting,
    known: Mapping[int, Verification] | None = None,
    done: Callable[[Verification], None] = lambda path: None,
) -> list[Verification]:
    """Paths 0 to N - 1 over one solution, each as far as Maj@N or Pass@1 needs it (see `Vote`).

    Args:
        known: paths that were judged before. A path that has to go further than it went is judged again from its
            first step, which gives the same judgements.
        done: called with each path that was judged now.

    Raises:
        EngineError, SandboxError: as raised by the verifier; the other paths are cancelled first.
    """
    vote = Vote(voting.votes, voting.threshold)
    name = case_name(solution)
    # Places for live paths are given in the order of requests. Of the cases that have any, only the last can have
    # too few, and all others can end. A vote whose paths can never all be live must not wait.
    patient = voting.votes <= verifier.live_paths

    async def judged(path: int) -> Verification:
        recorded = (known or {}).get(path)
        if recorded is not None:
            vote.note(path, rewards(recorded))
            if len(recorded.steps) == len(solution.steps) or not await vote.goes_on(path, rewards(recorded)):
                return recorded
        goes_on = partial(vote.goes_on, path) if patient else every_step
        verification = await verifier.verify(name, solution.problem, solution.steps, voting.mode, path, goes_on)
        done(verification)
        return verification

    return await together([judged(path) for path in range(voting.votes)])


@dataclass(frozen=True, slots=True)
class Result:
    """The judgement of one solution.

    `rewards[t]` in [0, 1] is the mean over the paths of P(Yes) for step t (paper eq. 7); `first_error` is the
    0-based index of the first one below 0.5, -1 if there is none, and None if there is none but a step was not
    judged (`unjudged`). `paths[i].steps[t]` holds what path i wrote about step t: `analysis`, `code`, `output`,
    `verdict`, `reward`, and `forced` where the verdict had to be asked for. `tokens` were generated,
    `prompt_tokens` read. `reading` says what the rewards were read from. `calibrated` are the rewards under the
    calibration of the checkpoint, None where it has none; no verdict follows from them.
    """

    rewards: list[float]
    first_error: int | None
    paths: list[Verification]
    mode: str
    reading: Reading
    calibrated: list[float] | None = None

    @property
    def unjudged(self) -> list[int]:
        """0-based steps on which no path gave a verdict; their reward of 0.5 says nothing."""
        return unjudged_steps(self.paths)

    @property
    def tokens(self) -> int:
        """Tokens generated over all paths."""
        return sum(path.tokens for path in self.paths)

    @property
    def prompt_tokens(self) -> int:
        """Tokens read over all paths, each once."""
        return sum(path.prompt_tokens for path in self.paths)

    def __repr__(self) -> str:
        rewards = ", ".join(f"{reward:.2f}" for reward in self.rewards)
        votes = len(self.paths)
        return f"Result(first_error={self.first_error}, rewards=[{rewards}], mode={self.mode!r}, votes={votes})"


async def score_solution(
    verifier: Verifier, problem: str, steps: Sequence[str], votes: int, mode: Mode | str
) -> Result:
    """`votes` independent verification paths over all steps, and their mean (paper eq. 6 and 7)."""
    name = case_id(problem, steps)
    paths = await together([verifier.verify(name, problem, steps, mode, path) for path in range(votes)])
    mean = majority_rewards([rewards(path) for path in paths])
    found: int | None = first_error(mean, THRESHOLD)
    if found == NO_ERROR and unjudged_steps(paths):
        found = None
    return Result(mean, found, paths, mode, verifier.reading())
