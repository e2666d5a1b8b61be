"""The cases that reward models are measured on (paper 5.2)."""

from collections.abc import Sequence

import dagster as dg

from assets.artifact import ArtifactContext, Check, Made, Stage, Table, artifact
from assets.metadata import examples
from assets.parameters import CASES, reads
from genprm.data_sets.own import own_cases
from genprm.data_sets.processbench import load_subset
from genprm.data_sets.sources import data_directory
from genprm.data_sets.subsample import subsample, subsample_each
from genprm.records import NO_ERROR, BenchmarkCase, Problem
from genprm.settings import EvaluationSettings, SettingsError
from genprm.store import TableStore

LABELS = Check("label_domain", "Labels are -1 or the index of a step; ids are distinct within a subset.")
BOTH = Check("both_kinds", "Every subset has solutions with an error and without one.")


MINIATURE_CASES = 200
"""Cases per subset of the miniature, which could make any number of them, when no limit is given."""


@artifact(
    stage=Stage.EVALUATION,
    code_version="1",
    parameters=lambda pipeline: (reads("evaluation", CASES),),
    checks=(LABELS, BOTH),
    uses_engine=True,
)
def evaluation_set(context: ArtifactContext) -> Made:
    """Solutions whose first wrong step is known: ProcessBench, one's own, or in the miniature the policy's own
    solutions of held-out problems, labelled by a program. Labels are used for measuring only.
    """
    settings = context.profile.evaluation
    rows = cases_of(context)
    sizes = {subset: sum(row.subset == subset for row in rows) for subset in settings.subsets}
    wrong = {s: sum(row.subset == s and row.label != NO_ERROR for row in rows) for s in settings.subsets}
    labelled = all(NO_ERROR <= row.label < len(row.steps) for row in rows)
    return Made(
        [Table(BenchmarkCase, rows)],
        [
            LABELS.result(labelled and len({(row.subset, row.id) for row in rows}) == len(rows)),
            BOTH.result(all(0 < wrong[subset] < sizes[subset] for subset in settings.subsets)),
        ],
        {
            "cases": sizes,
            "cases with an error": wrong,
            "examples": examples(
                [{"problem": r.problem, "steps": r.steps, "first error": r.label, "subset": r.subset} for r in rows]
            ),
        },
    )


def check_subsets(settings: EvaluationSettings) -> None:
    """Check that the benchmark has the subsets asked for; those of the user's own rows are only known when read.

    Raises:
        SettingsError: the benchmark lacks a subset.
    """
    from genprm.data_sets import processbench
    from genprm.evaluation import miniature

    known = {"processbench": processbench.SUBSETS, "miniature": tuple(miniature.SUBSETS)}.get(settings.source)
    unknown = [name for name in settings.subsets if known is not None and name not in known]
    if known is not None and unknown:
        raise SettingsError(
            f"evaluation.subsets has {unknown[0]!r}, which {settings.source} has not, allowed: {', '.join(known)}"
        )


def cases_of(context: ArtifactContext) -> list[BenchmarkCase]:
    """The cases that the profile asks for, subset by subset."""
    profile = context.profile
    settings = profile.evaluation
    if settings.source == "processbench":
        directory = data_directory()
        loaded = (subsample(load_subset(subset, directory), settings.limit) for subset in settings.subsets)
        return [case for cases in loaded for case in cases]
    if settings.source in ("file", "hub"):
        return subsample_each(own_cases(settings), settings.limit)
    from genprm.evaluation.miniature import miniature_cases

    engine = context.machines.engine(profile.solutions.model)
    return context.machines.run(
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
