"""The problems that everything starts from (paper 4.2)."""

from assets.artifact import ArtifactContext, Check, Made, Stage, Table, artifact
from assets.metadata import examples
from assets.parameters import IMPORTED, reads
from genprm.data_sets.problems import load_problems
from genprm.data_sets.sources import data_directory
from genprm.formats.imported import imported_problems
from genprm.records import Problem

DISTINCT = Check("distinct", "Ids and texts are distinct, and every problem has text and (unless imported) answer.")


@artifact(
    stage=Stage.SOLUTIONS,
    code_version="1",
    parameters=lambda pipeline: (reads("problems" if pipeline.sampled else IMPORTED),),
    checks=(DISTINCT,),
)
def problems(context: ArtifactContext) -> Made:
    """Questions with their reference answers: MATH train in the paper, synthetic word problems in the
    miniature. Sampling the policy on them starts the pipeline; **no evaluation problem is among them** (check
    `held_out` of `evaluation_set`). With `training.source` or `labels.source` they are the problems of that set,
    without answers.
    """
    settings, imported = context.profile.problems, context.profile.given
    rows = load_problems(settings, data_directory()) if imported is None else imported_problems(imported)
    distinct = len({row.id for row in rows}) == len({row.problem for row in rows}) == len(rows)
    whole = all(row.problem.strip() and (imported is not None or row.answer.strip()) for row in rows)
    return Made(
        [Table(Problem, rows)],
        [DISTINCT.result(distinct and whole and bool(rows), problems=len(rows))],
        {
            "source": settings.source if imported is None else imported.data,
            "examples": examples([{"id": r.id, "problem": r.problem, "answer": r.answer} for r in rows]),
        },
    )
