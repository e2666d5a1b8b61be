"""Searches guided by the reward model: what each method finds on each budget."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import dagster as dg

from assets.artifact import ArtifactContext, Check, Input, Made, Spent, Stage, Table, artifact
from assets.metadata import examples, share
from assets.parameters import reads
from assets.partitions import Pipeline
from genprm.checkpoints import Checkpoint, read_checkpoint
from genprm.data_sets.sources import data_directory
from genprm.engines.versions import weights_version
from genprm.journal import Journal, finish, row_key
from genprm.lineup import Model
from genprm.records import Problem, SampledSolution
from genprm.registry import SEARCHES, domain_of
from genprm.scaling.candidates import answer_problems
from genprm.search.base import Searcher
from genprm.search.budgets import Budget, SearchedProblem, budgets_of, search_problem
from genprm.search.roles import GenerativeJudge, JournaledPolicy, StepJournal, StepJudge, StepPolicy
from genprm.settings import Profile
from genprm.step_sampler import StepSampler
from genprm.tables import record_codec, to_dict
from genprm.verification.verifier import Verifier

CODE_VERSION = "1"
ALL = Check("all_budgets", "Every problem of the set was searched on every budget.")
CHOSEN = Check("chosen_among_found", "What was chosen is among the solutions that were finished.")


def _guide(pipeline: Pipeline) -> Model:
    guide = pipeline.lineup.guide
    assert guide is not None, "a profile with searches trains their guide"
    return guide


@artifact(
    stage=Stage.SCALING,
    code_version=CODE_VERSION,
    partitions=lambda pipeline: pipeline.searched,
    inputs=lambda pipeline: (
        Input("candidates", dg.StaticPartitionMapping(pipeline.searched_from())),
        Input("checkpoints", dg.SpecificPartitionsPartitionMapping([_guide(pipeline).checkpoint])),
    ),
    parameters=lambda pipeline: (reads("search"),),
    checks=(ALL, CHOSEN),
    uses_engine=True,
    measured=True,
    spends=Spent(requests="steps", executions=""),
    wanted=lambda pipeline: bool(pipeline.profile.search.sets),
)
def search(context: ArtifactContext) -> Made:
    """A method writes solutions step by step, guided by the reward model, on budgets of 1, 2, 4, ... times the
    tokens of one candidate, policy and judge together. Each step that was sampled or judged is kept, so that all
    budgets share them and a run that is killed goes on behind the last one.
    """
    method, answer_set = context.key.split("|")
    problems = answer_problems(answer_set, context.profile.scaling, data_directory())
    drawn = context.store.read(SampledSolution, "candidates", answer_set)
    budgets = budgets_of(drawn, context.profile.search.budgets)
    rows = _search(context, method, problems, budgets)
    largest = [row for row in rows if row.factor == budgets[-1].factor]
    return Made(
        [Table(SearchedProblem, rows)],
        [ALL.result(_complete(problems, budgets, rows)), CHOSEN.result(_chosen_among_found(rows))],
        {
            # Smaller budgets share the steps of the largest one.
            "tokens": sum(row.policy_tokens + row.judge_tokens for row in largest),
            "prompt tokens": sum(row.judge_prompt_tokens for row in largest),
            "steps": sum(row.sampled_steps for row in largest),
            "accuracy": examples([_on_budget(budget, rows) for budget in budgets], 99),
            "examples": examples(
                [{"steps": row.steps, "answer": row.answer or "", "correct": row.correct} for row in rows]
            ),
        },
    )


def _search(
    context: ArtifactContext, method: str, problems: Sequence[Problem], budgets: Sequence[Budget]
) -> list[SearchedProblem]:
    """Every problem on every budget, problem by problem; what is finished is found again in the journal."""
    profile, machines = context.profile, context.machines
    guide = read_checkpoint(context.store, _guide(context.pipeline).checkpoint)
    checkpoint = guide if SEARCHES.get(method).judged else None
    items = [(problem, budget) for problem in problems for budget in budgets]
    weights = weights_version(profile.scaling.model), checkpoint and checkpoint.version
    how = (CODE_VERSION, method, _deciding(profile), *weights)
    keys = [row_key(*how, to_dict(problem), budget) for problem, budget in items]

    async def find_all(journal: Journal, policy: StepPolicy, judge: StepJudge | None) -> list[SearchedProblem]:
        with domain_of(profile.problems.source).grader() as grader:
            searcher = Searcher(policy, judge, grader.answers)
            return await finish(
                journal,
                keys,
                lambda n: search_problem(searcher, items[n][0], method, items[n][1], profile.search),
                record_codec(SearchedProblem),
                context.advance(len(items)),
                in_flight=machines.live_paths,
            )

    with context.journal() as journal:
        return machines.run(find_all(journal, *_parties(context, journal, checkpoint)))


def _parties(
    context: ArtifactContext, journal: Journal, checkpoint: Checkpoint | None
) -> tuple[StepPolicy, StepJudge | None]:
    """The policy and the judge, on engines that are open at the same time; they keep their steps in the journal."""
    profile, machines = context.profile, context.machines
    model = profile.scaling.model
    engine, *judging = machines.engines(model, *([checkpoint.weights] if checkpoint else []))
    sampler = StepSampler(engine, profile.scaling, domain_of(profile.problems.source).steps)
    sampled = StepJournal(journal, (CODE_VERSION, weights_version(model)))
    policy = JournaledPolicy(sampler, profile.scaling, sampled)
    if checkpoint is None:
        return policy, None
    verifier = Verifier(judging[0], machines.sandbox(), profile.evaluation.verifier, machines.live_paths)
    judged = StepJournal(journal, (CODE_VERSION, checkpoint.version))
    return policy, GenerativeJudge(verifier, profile.search.mode, profile.search.votes, judged)


def _deciding(profile: Profile) -> dict[str, Any]:
    """What a search depends on besides its problem, method, budget and weights."""
    return {
        **profile.search.model_dump(mode="json", exclude={"sets", "methods", "budgets"}),
        "policy": profile.scaling.model_dump(mode="json", include={"model", "system", "prompt", "sampling"}),
        "verifier": profile.evaluation.verifier.deciding(profile.search.mode),
    }


def _on_budget(budget: Budget, rows: Sequence[SearchedProblem]) -> dict[str, object]:
    own = [row for row in rows if row.factor == budget.factor]
    return {
        "budget": f"{budget.factor} x, {budget.tokens} tokens",
        "right (%)": share(sum(row.correct for row in own), len(own)),
        "tokens per problem": round(statistics.fmean(row.tokens for row in own)),
        "without a solution (%)": share(sum(not row.candidates for row in own), len(own)),
    }


def _complete(problems: Sequence[Problem], budgets: Sequence[Budget], rows: Sequence[SearchedProblem]) -> bool:
    wanted = [(problem.id, *budget) for problem in problems for budget in budgets]
    return [(row.problem_id, row.factor, row.budget) for row in rows] == wanted


def _chosen_among_found(rows: Sequence[SearchedProblem]) -> bool:
    return all(row.chosen in {one.name for one in row.candidates} or not row.chosen for row in rows)
