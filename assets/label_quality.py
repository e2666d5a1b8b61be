"""How good the labels of each variant are, and what the filter makes of them."""

import dagster as dg

from assets.artifact import ArtifactContext, Check, Input, Made, Stage, Table, artifact
from assets.metadata import examples
from assets.partitions import by_dimension
from genprm.records import FilterDecision, Solution, StepLabels
from genprm.results.captions import column_caption
from genprm.results.label_quality import (
    LabelHit,
    against_truth,
    filter_shares,
    label_hits,
    label_shares,
    true_first_errors,
)
from genprm.results.measures import Measure
from genprm.store import partition_key

COMPLETE = Check("complete", "Every solution has labels and a decision under this variant.")


@artifact(
    stage=Stage.RATIONALES,
    code_version="3",
    partitions=lambda pipeline: pipeline.variants,
    inputs=lambda pipeline: (
        Input(pipeline.solutions_from, dg.AllPartitionMapping()),
        Input("rpe_labels", by_dimension("variant")),
        Input("filtered_set", by_dimension("variant")),
    ),
    checks=(COMPLETE,),
    tables=("label_quality", "label_hits"),
    measured=True,
    wanted=lambda pipeline: not pipeline.imported,
)
def label_quality(context: ArtifactContext) -> Made:
    """What the labels of one variant are worth: the share of steps labelled wrong, what the filter keeps and
    why, and in the miniature, where a program knows which step is wrong, how often labels find exactly that
    step. **A measurement only:** no label, filter or judgement ever sees the program's answer.
    """
    shards = context.pipeline.shards.get_partition_keys()
    truth_known = context.pipeline.sampled and context.profile.problems.source == "miniature"
    variant = context.key
    keys = [partition_key(shard, variant) for shard in shards]
    made_by = context.pipeline.solutions_from
    solutions = {s.id: s for shard in shards for s in context.store.read(Solution, made_by, shard)}
    labels = [row for key in keys for row in context.store.read(StepLabels, "rpe_labels", key)]
    decisions = [row for key in keys for row in context.store.read(FilterDecision, "filtered_set", key)]
    rows = [*label_shares(variant, labels), *filter_shares(variant, decisions)]
    truth = true_first_errors(solutions.values()) if truth_known else {}
    if truth_known:
        rows += against_truth(variant, labels, decisions, truth)
    complete = set(solutions) == {row.solution_id for row in labels} == {row.solution_id for row in decisions}
    shares = [{"": column_caption(row), "%": row.value, "of": row.count} for row in rows]
    numbers = {column_caption(row): round(row.value, 2) for row in rows}
    return Made(
        [Table(Measure, rows), Table(LabelHit, label_hits(labels, solutions, truth), "label_hits")],
        [COMPLETE.result(complete, solutions=len(solutions))],
        {**numbers, "table": examples(shares, 99)},
    )
