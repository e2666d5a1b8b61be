"""The problems that everything starts from (paper 4.2)."""

import dagster as dg

from assets.parameters import reads
from assets.partitions import Pipeline
from assets.publish import OWNERS, Check, Clock, Events, Table, examples, publish
from genprm.data_sets.problems import load_problems
from genprm.data_sets.sources import data_directory
from genprm.records import Problem
from genprm.store import TableStore

DISTINCT = Check("distinct", "Ids and texts are distinct, and every problem has text and answer.")


def define(pipeline: Pipeline) -> dg.AssetsDefinition:
    settings = pipeline.profile.problems

    @dg.asset(
        deps=[reads("problems")],
        group_name="solutions",
        kinds={"parquet"},
        owners=OWNERS,
        code_version="1",
        check_specs=[DISTINCT.spec("problems")],
    )
    def problems(context: dg.AssetExecutionContext, store: dg.ResourceParam[TableStore]) -> Events:
        """Questions with their reference answers: MATH train in the paper, synthetic word problems in the
        miniature. Sampling the policy on them starts the pipeline; **no evaluation problem is among them** (check
        `held_out` of `evaluation_set`).
        """
        clock = Clock()
        rows = load_problems(settings, data_directory())
        distinct = len({row.id for row in rows}) == len({row.problem for row in rows}) == len(rows)
        whole = all(row.problem.strip() and row.answer.strip() for row in rows)
        yield from publish(
            context,
            store,
            [Table(Problem, "problems", None, rows)],
            [DISTINCT.result(distinct and whole and bool(rows), problems=len(rows))],
            {
                "seconds": clock.seconds(),
                "source": settings.source,
                "examples": examples([{"id": r.id, "problem": r.problem, "answer": r.answer} for r in rows]),
            },
        )

    return problems
