"""GenPRM behind the interface of all reward models: the mean over verification paths (paper eq. 6 and 7)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from typing import TypeAlias

from genprm.event_loops import together
from genprm.modes import Mode
from genprm.records import StepVerification, StepwiseSolution, Verification
from genprm.reward_models.base import Asking, SolutionScore, VerdictCounts
from genprm.reward_models.generative import GenerativeRewardModel
from genprm.reward_models.registry import VERIFIER, Adapter, Machine, register
from genprm.tables import from_dict
from genprm.verification.manifest import asked_otherwise, model_manifest
from genprm.verification.rewards import Reading, rewards
from genprm.verification.verifier import Verifier
from genprm.verification.voting import (
    Voting,
    case_name,
    executions,
    majority_rewards,
    unjudged_steps,
    verify_votes,
    vote_reading,
)


def without_text(verification: Verification) -> Verification:
    """Rewards, verdicts and counts of a path. Scoring needs no more, and texts are large."""
    steps = [dataclasses.replace(step, text="", analysis="", code="", output="") for step in verification.steps]
    return dataclasses.replace(verification, steps=steps)


def as_kept(path: Verification, texts: int) -> Verification:
    """A path as it is kept: the first `texts` paths over a solution with their text, the others without."""
    return path if path.path < texts else without_text(path)


def voted_score(paths: Sequence[Verification]) -> SolutionScore:
    """The vote of verification paths over one solution: Maj@N for several, Pass@1 for one.

    `rewards` are the means over all paths (paper eq. 7), up to the end of the shortest path. For paths from
    `verify_votes`, the first mean below the threshold is at the same step as for paths over all steps.
    """
    path_rewards = [rewards(path) for path in paths]
    together_for = min(len(path) for path in path_rewards)
    return SolutionScore(
        rewards=majority_rewards([path[:together_for] for path in path_rewards]),
        path_rewards=path_rewards,
        prompt_tokens=sum(path.prompt_tokens for path in paths),
        tokens=sum(path.tokens for path in paths),
        executions=executions(paths),
        reading=vote_reading(paths),
        unjudged=unjudged_steps(paths),
    )


Told: TypeAlias = Callable[[int, int, StepVerification], None]
"""Called with path, step (both from 0) and judgement, as soon as a step is judged."""


class _KeptPaths:
    """The paths over one solution: those that were finished before are read, new ones are kept."""

    def __init__(self, asking: Asking, solution: StepwiseSolution) -> None:
        self._paths = asking.paths
        self._texts = asking.kept_texts
        self._solution = solution
        found = {number: self._paths.get(solution, number) for number in range(asking.votes)}
        self.known = {n: from_dict(Verification, path) for n, path in found.items() if path is not None}

    def keep(self, path: Verification) -> None:
        self._paths.put(self._solution, path.path, dataclasses.asdict(as_kept(path, self._texts)))


class GenPRMRewardModel(GenerativeRewardModel):
    """A verifier in one mode; `asking` says how many paths it takes, how far they go and where they are kept."""

    def __init__(
        self, verifier: Verifier, mode: Mode, asking: Asking | None = None, told: Told | None = None
    ) -> None:
        super().__init__(verifier.engine)
        self._verifier = verifier
        self._mode = mode
        self._asking = asking or Asking()
        self._told = told

    def asked(
        self, votes: int | None = None, mode: Mode | None = None, told: Told | None = None
    ) -> GenPRMRewardModel:
        """The same verifier with other votes or in another mode; with `told`, it judges and reports every step."""
        asking = self._asking if votes is None else dataclasses.replace(self._asking, votes=votes)
        if told is not None:
            asking = dataclasses.replace(asking, until=None)
        return GenPRMRewardModel(self._verifier, mode or self._mode, asking, told)

    @property
    def mode(self) -> Mode:
        """The mode it judges in."""
        return self._mode

    def reading(self) -> Reading:
        """How the rewards given so far were read."""
        return self._verifier.reading()

    def decisive(self, solution: StepwiseSolution) -> Hashable:
        """Problem, steps, and also the id, as the samples depend on it."""
        return solution

    async def judge(self, solution: StepwiseSolution) -> SolutionScore:
        """Judge on all paths at once."""
        votes, until = self._asking.votes, self._asking.until
        kept = _KeptPaths(self._asking, solution)
        if until is None:
            paths = await together([self._path(solution, number, kept) for number in range(votes)])
        else:
            voting = Voting(self._mode, votes, until)
            paths = await verify_votes(self._verifier, solution, voting, kept.known, kept.keep)
        self.count(VerdictCounts.of_steps(step for path in paths for step in path.steps))
        return dataclasses.replace(voted_score(paths), verifications=self._answered(paths))

    def _answered(self, paths: Sequence[Verification]) -> tuple[Verification, ...]:
        if self._asking.texts:
            return tuple(paths)
        texts = self._asking.kept_texts
        return tuple(as_kept(path, texts) for path in paths) if texts else ()

    async def _path(self, solution: StepwiseSolution, number: int, kept: _KeptPaths) -> Verification:
        if number in kept.known:
            return kept.known[number]
        name, problem, steps = case_name(solution), solution.problem, solution.steps
        if self._told is None:
            path = await self._verifier.verify(name, problem, steps, self._mode, number)
        else:
            async with self._verifier.start(name, problem, self._mode, number) as conversation:
                for index, step in enumerate(steps):
                    self._told(number, index, await conversation.judge(step))
            path = conversation.verification()
        kept.keep(path)
        return path


def open_genprm(model: str, machine: Machine, asking: Asking) -> GenPRMRewardModel:
    """A verifier, asked as its checkpoint says where `asking` does not.

    Raises:
        InputError: the system message of a published checkpoint cannot be found.
        SettingsError: a change that is not allowed.
        EngineError: no such model, or it cannot be loaded.
        SandboxError: the isolation asked for is not available.
    """
    mode = asking.mode
    settings = asked_otherwise(model, asking.system, asking.preset, asking.changes) or asking.verifier
    if mode is None or settings is None:
        manifest = model_manifest(model, asking.system, settings)
        mode, settings = mode or manifest.inference_mode, manifest.verifier
    assert mode is not None
    assert settings is not None
    sandbox = machine.sandbox()
    return GenPRMRewardModel(Verifier(machine.engine(model), sandbox, settings, machine.live_paths), mode, asking)


register(Adapter(VERIFIER, open_genprm, {}))
