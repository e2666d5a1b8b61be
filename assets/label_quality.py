"""How good the labels of each variant are, and what the filter makes of them."""

import dagster as dg

from assets.partitions import Pipeline
from assets.publish import OWNERS, Check, Clock, Events, Table, examples, publish
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
from genprm.store import TableStore

COMPLETE = Check("complete", "Every solution has labels and a decision under this variant.")


def define(pipeline: Pipeline) -> dg.AssetsDefinition:
    by_variant = dg.MultiToSingleDimensionPartitionMapping("variant")
    shards = pipeline.shards.get_partition_keys()
    truth_known = pipeline.profile.problems.source == "miniature"

    @dg.asset(
        partitions_def=pipeline.variants,
        deps=[
            dg.AssetDep("solutions", partition_mapping=dg.AllPartitionMapping()),
            dg.AssetDep("rpe_labels", partition_mapping=by_variant),
            dg.AssetDep("filtered_set", partition_mapping=by_variant),
        ],
        group_name="rationales",
        kinds={"parquet"},
        owners=OWNERS,
        code_version="3",
        check_specs=[COMPLETE.spec("label_quality", pipeline.variants)],
    )
    def label_quality(context: dg.AssetExecutionContext, store: dg.ResourceParam[TableStore]) -> Events:
        """What the labels of one variant are worth: the share of steps labelled wrong, what the filter keeps and
        why, and in the miniature, where a program knows which step is wrong, how often labels find exactly that
        step. **A measurement only:** no label, filter or judgement ever sees the program's answer.
        """
        clock = Clock()
        variant = context.partition_key
        keys = [str(dg.MultiPartitionKey({"shard": shard, "variant": variant})) for shard in shards]
        solutions = {s.id: s for shard in shards for s in store.read(Solution, "solutions", shard)}
        labels = [row for key in keys for row in store.read(StepLabels, "rpe_labels", key)]
        decisions = [row for key in keys for row in store.read(FilterDecision, "filtered_set", key)]
        rows = [*label_shares(variant, labels), *filter_shares(variant, decisions)]
        truth = true_first_errors(solutions.values()) if truth_known else {}
        if truth_known:
            rows += against_truth(variant, labels, decisions, truth)
        complete = set(solutions) == {row.solution_id for row in labels} == {row.solution_id for row in decisions}
        shares = [{"": column_caption(row), "%": row.value, "of": row.count} for row in rows]
        numbers = {column_caption(row): round(row.value, 2) for row in rows}
        yield from publish(
            context,
            store,
            [
                Table(Measure, "label_quality", variant, rows),
                Table(LabelHit, "label_hits", variant, label_hits(labels, solutions, truth)),
            ],
            [COMPLETE.result(complete, solutions=len(solutions))],
            {
                "seconds": clock.seconds(),
                **numbers,
                "table": examples(shares, 99),
            },
        )

    return label_quality
