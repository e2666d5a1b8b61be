"""The cases that reward models are measured on (paper 5.2)."""

from collections.abc import Sequence

import dagster as dg

from assets.parameters import CASES, reads_evaluation
from assets.partitions import Pipeline
from assets.publish import OWNERS, Check, Clock, Events, Table, examples, publish
from assets.resources import Machines
from genprm.data_sets.processbench import load_subset
from genprm.data_sets.sources import data_directory
from genprm.data_sets.subsample import subsample
from genprm.records import NO_ERROR, BenchmarkCase, Problem
from genprm.store import TableStore

LABELS = Check("label_domain", "Labels are -1 or the index of a step; ids are distinct within a subset.")
BOTH = Check("both_kinds", "Every subset has solutions with an error and without one.")


MINIATURE_CASES = 200
"""Cases per subset of the miniature, which has no end, when no limit is given."""


def define(pipeline: Pipeline) -> dg.AssetsDefinition:
    profile = pipeline.profile
    settings = profile.evaluation

    @dg.asset(
        deps=[reads_evaluation(CASES)],
        group_name="evaluation",
        kinds={"parquet"},
        owners=OWNERS,
        code_version="1",
        pool="engine",
        check_specs=[check.spec("evaluation_set") for check in (LABELS, BOTH)],
    )
    def evaluation_set(
        context: dg.AssetExecutionContext,
        store: dg.ResourceParam[TableStore],
        machines: dg.ResourceParam[Machines],
    ) -> Events:
        """Solutions whose first wrong step is known: ProcessBench, or in the miniature the policy's own solutions
        of held-out problems, labelled by a program. Labels are used for measuring only.
        """
        clock = Clock()
        rows = _cases(pipeline, machines)
        sizes = {subset: sum(row.subset == subset for row in rows) for subset in settings.subsets}
        wrong = {s: sum(row.subset == s and row.label != NO_ERROR for row in rows) for s in settings.subsets}
        labelled = all(NO_ERROR <= row.label < len(row.steps) for row in rows)
        yield from publish(
            context,
            store,
            [Table(BenchmarkCase, "evaluation_set", None, rows)],
            [
                LABELS.result(labelled and len({(row.subset, row.id) for row in rows}) == len(rows)),
                BOTH.result(all(0 < wrong[subset] < sizes[subset] for subset in settings.subsets)),
            ],
            {
                "seconds": clock.seconds(),
                "cases": sizes,
                "cases with an error": wrong,
                "examples": examples(
                    [
                        {"problem": r.problem, "steps": r.steps, "first error": r.label, "subset": r.subset}
                        for r in rows
                    ]
                ),
            },
        )

    return evaluation_set


def _cases(pipeline: Pipeline, machines: Machines) -> list[BenchmarkCase]:
    profile = pipeline.profile
    settings = profile.evaluation
    if settings.source == "processbench":
        directory = data_directory()
        loaded = (subsample(load_subset(subset, directory), settings.limit) for subset in settings.subsets)
        return [case for cases in loaded for case in cases]
    from genprm.evaluation.miniature import miniature_cases

    engine = machines.engine(profile.solutions.model)
    return machines.run(
        miniature_cases(engine, profile.solutions, settings.limit or MINIATURE_CASES, settings.seed)
    )


def shared_problems(problems: Sequence[Problem], cases: Sequence[BenchmarkCase]) -> list[str]:
    """Ids of the cases whose problem is also among `problems`, white space aside."""
    seen = {" ".join(row.problem.split()) for row in problems}
    return sorted({case.id for case in cases if " ".join(case.problem.split()) in seen})


def define_held_out() -> dg.AssetChecksDefinition:
    """The check that training and evaluation share no problem."""

    @dg.asset_check(
        asset="evaluation_set",
        additional_deps=["problems"],
        blocking=True,
        name="held_out",
        description="No evaluation problem is among the problems that training data are made from.",
    )
    def held_out(store: dg.ResourceParam[TableStore]) -> dg.AssetCheckResult:
        shared = shared_problems(store.read(Problem, "problems"), store.read(BenchmarkCase, "evaluation_set"))
        return dg.AssetCheckResult(passed=not shared, metadata={"shared": len(shared), "first": shared[:5]})

    return held_out
