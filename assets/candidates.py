"""The policy's candidates on sets of problems with answers (paper 5.3)."""

from collections.abc import Sequence

import dagster as dg

from assets.parameters import CANDIDATES, reads_scaling, weights_version
from assets.partitions import Pipeline
from assets.publish import OWNERS, Check, Clock, Events, Table, as_key, examples, publish, share
from assets.resources import Machines, Progress
from genprm.answers.checker import AnswerChecker
from genprm.data_sets.sources import data_directory
from genprm.journal import finish, row_key
from genprm.records import Problem, SampledSolution
from genprm.scaling.candidates import answer_problems, sample_candidate, with_groups
from genprm.store import TableStore
from genprm.tables import from_dict

CODE_VERSION = "2"
ALL = Check("all_candidates", "Every problem of the set has as many candidates as asked for.")
GROUPED = Check("grouped", "Candidates with the same answer are right or wrong together.")


def define(pipeline: Pipeline) -> dg.AssetsDefinition:
    settings = pipeline.profile.scaling

    @dg.asset(
        partitions_def=pipeline.answer_sets,
        deps=[reads_scaling(CANDIDATES)],
        group_name="scaling",
        kinds={"parquet"},
        owners=OWNERS,
        code_version=CODE_VERSION,
        pool="engine",
        check_specs=[check.spec("candidates", pipeline.answer_sets) for check in (ALL, GROUPED)],
    )
    def candidates(
        context: dg.AssetExecutionContext,
        store: dg.ResourceParam[TableStore],
        machines: dg.ResourceParam[Machines],
        progress: dg.ResourceParam[Progress],
    ) -> Events:
        """N solutions of each problem by the policy whose answers are to be chosen from. They are drawn once, at
        the largest N; smaller N are disjoint parts of them. Raising N adds to those that are there.
        """
        clock = Clock()
        key = context.partition_key
        problems = answer_problems(key, settings, data_directory())
        items = [(problem, index) for problem in problems for index in range(settings.candidates)]
        # The count is no part of what decides a candidate.
        how = (CODE_VERSION, _without_count(pipeline), weights_version(settings.model))
        engine = machines.engine(settings.model)

        async def sampled() -> list[SampledSolution]:
            with AnswerChecker() as answers:
                drawn = await finish(
                    journal,
                    [row_key(as_key(problem), index, *how) for problem, index in items],
                    lambda n: sample_candidate(*items[n], engine, settings, answers),
                    as_key,
                    lambda value: from_dict(SampledSolution, value),
                    progress.of(context),
                )
                return [
                    row
                    for start in range(0, len(drawn), settings.candidates)
                    for row in await with_groups(drawn[start : start + settings.candidates], answers)
                ]

        with store.journal("candidates", key) as journal:
            rows = machines.run(sampled())
        yield from publish(
            context,
            store,
            [Table(SampledSolution, "candidates", key, rows)],
            [ALL.result(_complete(problems, rows, settings.candidates)), GROUPED.result(_consistent(rows))],
            {
                "seconds": clock.seconds(),
                "tokens": sum(row.tokens for row in rows),
                "prompt tokens": sum(row.prompt_tokens for row in rows[:: settings.candidates]),
                "problems": len(problems),
                "right (%)": share(sum(row.correct for row in rows), len(rows)),
                "without an answer (%)": share(sum(row.final_answer is None for row in rows), len(rows)),
                "examples": examples(
                    [{"steps": r.steps, "answer": r.final_answer or "", "correct": r.correct} for r in rows]
                ),
            },
        )

    return candidates


def _without_count(pipeline: Pipeline) -> dict[str, object]:
    sampling = {"model", "system", "prompt", "prefill", "sampling", "seed"}
    return pipeline.profile.scaling.model_dump(mode="json", include=sampling)


def _complete(problems: Sequence[Problem], rows: Sequence[SampledSolution], count: int) -> bool:
    wanted = [problem.id for problem in problems for _ in range(count)]
    return [row.problem_id for row in rows] == wanted


def _consistent(rows: Sequence[SampledSolution]) -> bool:
    right: dict[tuple[str, int], bool] = {}
    return all(
        row.group is None or right.setdefault((row.problem_id, row.group), row.correct) == row.correct
        for row in rows
    )
