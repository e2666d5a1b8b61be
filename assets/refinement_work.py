"""Refinement as the pipeline does it: its critics and policy, and what a critique or a rewrite depends on."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from assets.artifact import ArtifactContext
from genprm.checkpoints import read_checkpoint
from genprm.engines.base import Engine
from genprm.engines.versions import weights_version
from genprm.journal import Journal, row_key
from genprm.modes import Mode
from genprm.registry import domain_of
from genprm.reward_models.base import Asking
from genprm.reward_models.genprm import open_genprm
from genprm.scaling.critics import Critic, JudgeCritic, RewardCritic
from genprm.scaling.refinement import Refinement, Refiner

CODE_VERSION = "2"

T = TypeVar("T")


class Critics:
    """The critics and the policy of a profile (`Workshop`), on engines that are opened in turn."""

    def __init__(self, context: ArtifactContext) -> None:
        self._context = context

    def critic(self, name: str) -> tuple[str, Critic]:
        """A critic with the version of its weights: a model of the line-up, or the policy itself."""
        context, settings = self._context, self._context.profile.refinement
        model = context.lineup.critic_models[name]
        if model is None:
            version, engine = self.policy()
            return version, JudgeCritic(engine, settings.sampling, settings.seed)
        checkpoint, evaluation = read_checkpoint(context.store, model.key), context.profile.evaluation
        votes, threshold = settings.votes, evaluation.threshold
        asking = Asking(votes, model.mode, evaluation.verifier, until=threshold, kept_texts=votes)
        verifier = open_genprm(checkpoint.weights, context.machines, asking)
        lead = evaluation.verifier.format.analyze_lead
        return checkpoint.version, RewardCritic(verifier, threshold, lead)

    def policy(self) -> tuple[str, Engine]:
        """The model that sampled the candidates, with the version of its weights."""
        model = self._context.profile.scaling.model
        return weights_version(model), self._context.machines.engine(model)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the machines' loop."""
        return self._context.machines.run(work)


def refiner(context: ArtifactContext, journal: Journal) -> Refiner:
    """The refiner of a profile; finished work is found again in the journal."""
    profile = context.profile
    # No critique and no rewrite depends on how many turns and solutions there are.
    how = profile.refinement.model_dump(mode="json", exclude={"sets", "solutions", "turns"})
    verifier = profile.evaluation.verifier.deciding(Mode.FULL)

    def key(what: str, version: str, case: Refinement) -> str:
        said = [(attempt.steps, attempt.critique) for attempt in case.attempts]
        return row_key(CODE_VERSION, what, version, how, verifier, case.case_id, case.problem, said)

    return Refiner(profile.refinement, domain_of(profile.problems.source), Critics(context), journal, key)
