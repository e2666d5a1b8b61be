"""The reward model as critic: what the policy makes of its solutions, turn by turn (paper 5.3, table 2)."""

import itertools
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import dagster as dg

from assets.artifact import ArtifactContext, Check, Input, Made, Spent, Stage, Table, artifact
from assets.deciding import decided_by
from assets.metadata import examples
from assets.parameters import reads
from assets.partitions import Pipeline
from genprm.checkpoints import read_checkpoint
from genprm.data_sets.sources import data_directory
from genprm.engines.base import Engine
from genprm.engines.versions import weights_version
from genprm.journal import Journal, row_key
from genprm.modes import Mode
from genprm.records import SampledSolution
from genprm.registry import domain_of
from genprm.reward_models.base import Asking
from genprm.reward_models.genprm import open_genprm
from genprm.scaling.candidates import answer_problems
from genprm.scaling.critics import Critic, JudgeCritic, RewardCritic
from genprm.scaling.refinement import Attempt, RefinedAttempt, Refinement, Refiner, begin, score_turns

CODE_VERSION = "2"
STARTS = Check("same_starts", "Every critic begins with the same solutions.")
TURNS = Check("turns_in_order", "Attempts are numbered from 0, and all but the last were found wrong.")

T = TypeVar("T")


def _inputs(pipeline: Pipeline) -> list[Input]:
    same = dg.StaticPartitionMapping({name: name for name in pipeline.profile.refinement.sets})
    critics = [model.key for model in pipeline.lineup.critics]
    return [
        Input("candidates", same),
        Input("checkpoints", dg.SpecificPartitionsPartitionMapping(critics)),
    ]


@artifact(
    stage=Stage.SCALING,
    code_version=CODE_VERSION,
    partitions=lambda pipeline: pipeline.refined,
    inputs=_inputs,
    parameters=lambda pipeline: (reads("refinement"),),
    checks=(STARTS, TURNS),
    kinds=("parquet", "mlflow"),
    uses_engine=True,
    measured=True,
    spends=Spent(requests="critiques and rewrites"),
    wanted=lambda pipeline: bool(pipeline.profile.refinement.sets),
)
def refinement(context: ArtifactContext) -> Made:
    """Critics find the first wrong step of the policy's solutions, and the policy writes them again, up to a
    number of turns: GenPRM, whose analysis goes back; the untrained base in its place; and the policy itself
    (self-refinement). A turn has two phases, all critiques and then all rewrites, as one engine is open at a
    time.
    """
    settings = context.profile.refinement
    key = context.key
    first = _starts(context.store.read(SampledSolution, "candidates", key), settings.solutions)
    parameters = {"set": key, "critics": list(context.lineup.critic_models), **decided_by(context)}
    with context.tracking.run(context.dagster, f"refinement on {key}", parameters) as run:
        with context.journal() as journal:
            problems = answer_problems(key, context.profile.scaling, data_directory())
            answers = {problem.id: problem.answer for problem in problems}
            begun = [begin(row, answers[row.problem_id]) for row in first]
            critics, work = list(context.lineup.critic_models), refiner(context, journal)
            refined = work.refine(critics, begun, context.advance(work.phases(len(critics))))
        problem_of = {row.id: row.problem_id for row in first}
        rows = [
            row
            for critic, cases in refined.items()
            for case in cases
            for row in refined_attempts(critic, problem_of[case.case_id], case)
        ]
        scores = {
            critic: score_turns([case.attempts for case in cases], settings.turns)
            for critic, cases in refined.items()
        }
        run.metrics({f"{critic}/turn{s.turn}": s.accuracy for critic, found in scores.items() for s in found})
    return Made(
        [Table(RefinedAttempt, rows)],
        [STARTS.result(_same_starts(rows)), TURNS.result(_in_order(rows))],
        {
            "solutions": len(first),
            **_spent([attempt for cases in refined.values() for case in cases for attempt in case.attempts]),
            "accuracy": examples(
                [
                    {"critic": critic, **{f"turn {score.turn}": f"{score.accuracy:.1f}" for score in found}}
                    for critic, found in scores.items()
                ],
                99,
            ),
            "MLflow run": dg.MetadataValue.url(run.url),
            "examples": examples(
                [
                    {"critic": r.critic, "turn": r.turn, "steps": r.steps, "critique": r.critique}
                    for r in rows
                    if r.blamed is not None
                ]
            ),
        },
    )


def _starts(candidates: Sequence[SampledSolution], count: int) -> list[SampledSolution]:
    """The first candidates of each problem that have numbered steps or paragraphs."""
    taken: dict[str, int] = {}
    found = []
    for row in candidates:
        if row.steps and taken.get(row.problem_id, 0) < count:
            taken[row.problem_id] = taken.get(row.problem_id, 0) + 1
            found.append(row)
    return found


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


def refined_attempts(critic: str, problem_id: str, refinement: Refinement) -> list[RefinedAttempt]:
    """A refinement as rows."""
    return [
        RefinedAttempt(
            critic=critic,
            problem_id=problem_id,
            solution_id=refinement.case_id,
            turn=attempt.turn,
            steps=list(attempt.steps),
            final_answer=attempt.final_answer,
            correct=attempt.correct,
            blamed=None if attempt.critique is None else attempt.critique.step,
            critique="" if attempt.critique is None else attempt.critique.text,
            policy_tokens=attempt.policy_tokens,
            critic_tokens=attempt.critic_tokens,
        )
        for attempt in refinement.attempts
    ]


def _spent(attempts: Sequence[Attempt]) -> dict[str, int]:
    """What critics and policy were asked, wrote, read and ran."""
    critiques = [attempt.critique for attempt in attempts if attempt.critique is not None]
    read = sum(a.policy_prompt_tokens for a in attempts) + sum(c.prompt_tokens for c in critiques)
    return {
        "critiques and rewrites": len(critiques) + sum(attempt.turn > 0 for attempt in attempts),
        "tokens": sum(a.policy_tokens for a in attempts) + sum(c.tokens for c in critiques) - read,
        "prompt tokens": read,
        "executions": sum(critique.executions for critique in critiques),
    }


def _same_starts(rows: Sequence[RefinedAttempt]) -> bool:
    starts: dict[str, list[tuple[str, bool]]] = {}
    for row in rows:
        if row.turn == 0:
            starts.setdefault(row.critic, []).append((row.solution_id, row.correct))
    return all(found == next(iter(starts.values())) for found in starts.values())


def _in_order(rows: Sequence[RefinedAttempt]) -> bool:
    follows = itertools.pairwise(rows)
    return all(
        after.turn == 0
        or (after.turn == before.turn + 1 and before.blamed is not None and before.solution_id == after.solution_id)
        for before, after in follows
    )
