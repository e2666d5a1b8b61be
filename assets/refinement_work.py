"""Critics and policy at work on many solutions, a phase at a time: one engine is open, so they take turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from assets.artifact import ArtifactContext
from assets.judging import open_verifier
from assets.parameters import weights_version
from genprm.answers.checker import AnswerChecker
from genprm.checkpoints import read_checkpoint
from genprm.journal import Journal, finish, row_key
from genprm.modes import Mode
from genprm.records import Problem, SampledSolution
from genprm.scaling.critics import Critic, Critique, JudgeCritic, RewardCritic
from genprm.scaling.refinement import Attempt, Refinement, criticise, rewrite

CODE_VERSION = "2"


class RefinementWork:
    """The phases of the turns: all critiques of a turn by one critic after the other, then all rewrites. What is
    finished is in a journal."""

    def __init__(self, context: ArtifactContext, journal: Journal) -> None:
        self._context = context
        self._settings = context.profile.refinement
        self._policy = context.profile.scaling.model
        self._machines = context.machines
        self._journal = journal

    def refine(
        self, first: Sequence[SampledSolution], problems: Iterable[Problem], advance: Callable[[int, int], None]
    ) -> dict[str, list[Refinement]]:
        """All solutions under every critic, to the end of the last turn."""
        answers = {problem.id: problem.answer for problem in problems}
        begun = [_begun(row, answers[row.problem_id]) for row in first]
        refined = dict.fromkeys(self._context.lineup.critic_models, begun)
        phases = self._settings.turns * (len(refined) + 1)
        for turn in range(self._settings.turns):
            for place, critic in enumerate(refined):
                refined[critic] = self._criticised(critic, refined[critic])
                advance(turn * (len(refined) + 1) + place + 1, phases)
            refined = self._rewritten(refined)
            advance((turn + 1) * (len(refined) + 1), phases)
        return refined

    def _criticised(self, critic: str, cases: list[Refinement]) -> list[Refinement]:
        due = [case for case in cases if case.awaits_critique(self._settings.turns)]
        version, ask = self._critic(critic) if due else ("", None)
        keys = [self._key("critique", version, case) for case in due]

        async def one(index: int) -> Critique:
            assert ask is not None
            return await criticise(due[index], ask)

        made = self._machines.run(finish(self._journal, keys, one, list, lambda value: Critique(*value)))
        found = dict(zip((case.case_id for case in due), made, strict=True))
        return [case.with_critique(found[case.case_id]) if case.case_id in found else case for case in cases]

    def _critic(self, name: str) -> tuple[str, Critic]:
        """What identifies a critic, and the critic."""
        model = self._context.lineup.critic_models[name]
        if model is None:
            engine = self._machines.engine(self._policy)
            return weights_version(self._policy), JudgeCritic(engine, self._settings.sampling, self._settings.seed)
        checkpoint, evaluation = read_checkpoint(self._context.store, model.key), self._context.profile.evaluation
        verifier = open_verifier(self._context, checkpoint.weights, evaluation.verifier)
        return checkpoint.version, RewardCritic(verifier, model.mode, self._settings.votes, evaluation.threshold)

    def _rewritten(self, refined: Mapping[str, list[Refinement]]) -> dict[str, list[Refinement]]:
        due = [(critic, case) for critic, cases in refined.items() for case in cases if case.awaits_rewrite]
        keys = [self._key("rewrite", weights_version(self._policy), case) for _, case in due]
        policy = self._machines.engine(self._policy) if due else None

        async def all_of_them() -> list[Attempt]:
            with AnswerChecker() as answers:

                async def one(index: int) -> Attempt:
                    assert policy is not None
                    return await rewrite(due[index][1], policy, self._settings, answers)

                return await finish(self._journal, keys, one, asdict, _attempt)

        made = self._machines.run(all_of_them())
        found = {(critic, case.case_id): attempt for (critic, case), attempt in zip(due, made, strict=True)}
        return {
            critic: [
                case.with_attempt(found[critic, case.case_id]) if (critic, case.case_id) in found else case
                for case in cases
            ]
            for critic, cases in refined.items()
        }

    def _key(self, what: str, version: str, case: Refinement) -> str:
        """What decides a critique or a rewrite; how many turns and solutions there are does not."""
        how = self._settings.model_dump(mode="json", exclude={"sets", "solutions", "turns"})
        verifier = self._context.profile.evaluation.verifier.deciding(Mode.FULL)
        said = [(attempt.steps, attempt.critique) for attempt in case.attempts]
        return row_key(CODE_VERSION, what, version, how, verifier, case.case_id, case.problem, said)


def _begun(row: SampledSolution, answer: str) -> Refinement:
    """A candidate as it was graded when it was drawn."""
    first = Attempt(0, tuple(row.steps), row.final_answer, row.correct, None, 0, 0)
    return Refinement(row.id, row.problem, answer, (first,))


def _attempt(values: dict[str, Any]) -> Attempt:
    """A rewrite from the journal, where it has no critique yet."""
    return Attempt(**{**values, "steps": tuple(values["steps"])})
