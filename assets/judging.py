"""Models at work on benchmark cases, and what is kept of each verification path."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from assets.artifact import ArtifactContext
from assets.metadata import as_key
from genprm.checkpoints import Checkpoint, read_checkpoint
from genprm.evaluation.evaluate import evaluate_cases
from genprm.journal import Journal, finish, row_key
from genprm.lineup import Model
from genprm.records import BenchmarkCase, Prediction, Verification, VoteReading
from genprm.reward_models.base import RewardModel, SolutionScore, StepwiseSolution
from genprm.reward_models.evaluate import scored_prediction
from genprm.reward_models.think_prm import ThinkPRM, average
from genprm.settings import EngineSettings, VerifierSettings
from genprm.tables import from_dict
from genprm.verification.verifier import Verifier
from genprm.verification.voting import joined_reading

JUDGING_VERSION = "3"
THINKING_VERSION = "1"
"""Raised when a ThinkPRM is asked in another way: its paths are then made again."""


def open_verifier(context: ArtifactContext, weights: str, settings: VerifierSettings) -> Verifier:
    """A verifier with a model on this process's engine and sandbox."""
    machines = context.machines
    return Verifier(machines.engine(weights), machines.sandbox(), settings, machines.settings.live_paths)


def judge_cases(context: ArtifactContext, model: Model, cases: Sequence[BenchmarkCase]) -> list[Prediction]:
    """What a model says of the cases, in order. Paths are kept in the journal of the artifact's partition."""
    checkpoint = read_checkpoint(context.store, model.checkpoint)
    evaluation, votes = context.profile.evaluation, context.lineup.votes_of(model)
    with context.journal() as journal:
        if model.kind != "genprm":
            solutions = [(case.problem, case.steps) for case in cases]
            scores = score_solutions(context, model, checkpoint, solutions, votes, journal)
            return [scored_prediction(*pair, evaluation.threshold) for pair in zip(cases, scores, strict=True)]
        how = (
            JUDGING_VERSION,
            checkpoint.version,
            model.mode,
            evaluation.threshold,
            evaluation.verifier.deciding(model.mode),
        )
        verifier = open_verifier(context, checkpoint.weights, evaluation.verifier)
        paths = JournaledPaths(journal, votes, how)
        finished = counted(context.advance, len(cases))
        judged = evaluate_cases(cases, verifier, model.mode, votes, evaluation.threshold, finished, paths)
        return context.machines.run(judged)


def score_solutions(
    context: ArtifactContext,
    model: Model,
    checkpoint: Checkpoint,
    solutions: Sequence[StepwiseSolution],
    votes: int,
    journal: Journal,
) -> list[SolutionScore]:
    """What a model that is no verifier says of solutions, in order. Paths of a ThinkPRM are kept in the journal;
    rewards of a head are not, as one pass over all has them.
    """
    machines, profile = context.machines, context.profile
    if model.kind == "think":
        seed = profile.evaluation.verifier.seed
        thinker = ThinkPRM(machines.engine(checkpoint.weights), seed=seed, generation_prompt=False)
        how = (THINKING_VERSION, checkpoint.version, seed)
        return machines.run(_thought(thinker, how, solutions, votes, journal, context.advance))
    machines.release()
    head = open_head(checkpoint.weights, machines.settings)
    return machines.run(_headed(head, solutions, counted(context.advance, len(solutions))))


async def _headed(
    model: RewardModel, solutions: Sequence[StepwiseSolution], advance: Callable[[int], None]
) -> list[SolutionScore]:
    try:
        return await model.score_many(solutions, advance)
    finally:
        await model.close()


async def _thought(
    model: ThinkPRM,
    how: tuple[Any, ...],
    solutions: Sequence[StepwiseSolution],
    votes: int,
    journal: Journal,
    advance: Callable[[int, int], None],
) -> list[SolutionScore]:
    items = [(problem, list(steps), path) for problem, steps in solutions for path in range(votes)]
    paths = await finish(
        journal,
        [row_key(*how, *item) for item in items],
        lambda index: model.verify(*items[index]),
        dataclasses.asdict,
        lambda value: SolutionScore(**value),
        advance,
    )
    return [average(paths[first : first + votes]) for first in range(0, len(paths), votes)]


def open_head(weights: str, settings: EngineSettings) -> RewardModel:
    """A model with a classification head, as trained here.

    Raises:
        EngineError: a file is missing or wrong.
    """
    from genprm.reward_models.step_heads import load_token_classifier

    return load_token_classifier(weights, settings)


def run_parameters(context: ArtifactContext, model: Model, on: str) -> dict[str, object]:
    """What the tracked run of a judgement is told."""
    return {
        "model": model.key,
        "subset": on,
        "mode": model.judging,
        "votes": context.lineup.votes_of(model),
        "sandbox": context.machines.sandbox().description() if model.mode.runs else None,
    }


class JournaledPaths:
    """Paths of cases in a journal. Votes are no part of what decides one: raising them finds those there are."""

    def __init__(self, journal: Journal, votes: int, how: tuple[Any, ...]) -> None:
        self._journal = journal
        self._votes = votes
        self._how = how

    def known(self, case: BenchmarkCase) -> dict[int, Verification]:
        """The paths of a case that are there, by their number."""
        keys = {path: self._key(case, path) for path in range(self._votes)}
        return {
            path: from_dict(Verification, self._journal.get(key))
            for path, key in keys.items()
            if key in self._journal
        }

    def keep(self, case: BenchmarkCase, path: Verification) -> None:
        """Write a path down, in place of a shorter one."""
        self._journal.put(self._key(case, path.path), as_key(without_text(path)))

    def _key(self, case: BenchmarkCase, path: int) -> str:
        return row_key(as_key(case), path, *self._how)


def counted(progress: Callable[[int, int], None], total: int) -> Callable[[int], None]:
    """Progress by finished items, for one that is told how many there are so far."""
    finished = 0
    progress(finished, total)

    def advance(items: int) -> None:
        nonlocal finished
        finished += items
        progress(finished, total)

    return advance


def read_from(readings: Iterable[VoteReading]) -> str:
    """How the rewards of an artifact were read, as metadata shows it."""
    return json.dumps(dataclasses.asdict(joined_reading(readings)))


def without_text(verification: Verification) -> Verification:
    """A path as the journal keeps it: rewards, verdicts and counts. Scoring needs no more, and texts are large."""
    steps = [dataclasses.replace(step, text="", analysis="", code="", output="") for step in verification.steps]
    return dataclasses.replace(verification, steps=steps)
