"""Labelled solutions that others made, in place of solutions, Monte-Carlo scores and labels."""

from assets.artifact import ArtifactContext, Check, Input, Made, Stage, Table, artifact
from assets.metadata import examples, share
from assets.parameters import IMPORTED, reads
from genprm.data_sets.problems import shard_of
from genprm.formats.imported import imported_labels
from genprm.records import Problem, Solution, StepLabels

OF_PROBLEMS = Check("right_shard", "Every solution is of a problem of this shard, and every such problem has one.")
LABELLED = Check("all_steps_labelled", "Every solution has steps, and each of them a label.")


@artifact(
    stage=Stage.SOLUTIONS,
    code_version="1",
    partitions=lambda pipeline: pipeline.shards,
    inputs=lambda pipeline: (Input("problems"),),
    parameters=lambda pipeline: (reads(IMPORTED),),
    checks=(OF_PROBLEMS, LABELLED),
    tables=("imported_solutions", "imported_labels"),
    wanted=lambda pipeline: pipeline.profile.labels.source is not None,
)
def imported_solutions(context: ArtifactContext) -> Made:
    """The solutions of `labels.source` as far as their steps are labelled, with the labels. They are judged and
    filtered as solutions sampled here would be.
    """
    source, shards = context.profile.labels.source, context.profile.problems.shards
    assert source is not None
    shard = context.pipeline.shard_index(context.key)
    problems = {row.id for row in context.store.read(Problem, "problems") if shard_of(row.id, shards) == shard}
    pairs = [pair for pair in imported_labels(source) if pair[0].problem_id in problems]
    solutions, labels = [solution for solution, _ in pairs], [row for _, row in pairs]
    return Made(
        [Table(Solution, solutions), Table(StepLabels, labels, "imported_labels")],
        [
            OF_PROBLEMS.result({row.problem_id for row in solutions} == problems, problems=len(problems)),
            LABELLED.result(all(row.steps and len(row.steps) == len(given.labels) for row, given in pairs)),
        ],
        {
            "source": source.data,
            "format": source.format,
            "problems": len(problems),
            "solutions": len(solutions),
            "without a wrong step (%)": share(sum(row.correct for row in solutions), len(solutions)),
            "examples": examples([{"steps": s.steps, "labels": given.labels} for s, given in pairs]),
        },
    )
