"""Step labels from Monte-Carlo scores: relative progress estimation (paper 4.2, table 3)."""

from collections.abc import Sequence

import dagster as dg

from assets.parameters import reads
from assets.partitions import Pipeline, dimension
from assets.publish import OWNERS, Check, Clock, Events, Table, examples, publish, share
from genprm.labels.progress import label_steps
from genprm.records import NO_ERROR, StepLabels, StepScores
from genprm.settings import LabelVariant
from genprm.store import TableStore

DOMAIN = Check("label_domain", "Labels are 0 or 1, one for every scored step; the first error is the first 0.")


def define(pipeline: Pipeline) -> dg.AssetsDefinition:
    by_shard = dg.MultiToSingleDimensionPartitionMapping("shard")
    by_variant = dg.MultiToSingleDimensionPartitionMapping("variant")

    @dg.asset(
        partitions_def=pipeline.labelled,
        deps=[dg.AssetDep("mc_scores", partition_mapping=by_shard), reads("labels", by_variant)],
        group_name="labels",
        kinds={"parquet"},
        owners=OWNERS,
        code_version="1",
        check_specs=[DOMAIN.spec("rpe_labels", pipeline.labelled)],
    )
    def rpe_labels(context: dg.AssetExecutionContext, store: dg.ResourceParam[TableStore]) -> Events:
        """A step is good when it keeps enough of the chance to reach the answer: progress `P_t = MC(s_t, a_t) /
        MC(s_t)` and label 1 iff `P_t >= epsilon` (0.8 in the paper). The other variants are the difference of the
        two scores, the hard label `MC > 0`, and ours, which looks for the first wrong step in all scores of a
        solution. Arithmetic only: a new epsilon re-labels in a moment.
        """
        clock = Clock()
        key = context.partition_key
        variant = pipeline.profile.labels.variant(dimension(key, "variant"))
        scores = store.read(StepScores, "mc_scores", dimension(key, "shard"))
        rows = [label_steps(row, variant) for row in scores]
        sound = all(
            len(row.labels) == len(score.mc)
            and set(row.labels) <= {0, 1}
            and row.first_error == (row.labels.index(0) if 0 in row.labels else NO_ERROR)
            for row, score in zip(rows, scores, strict=True)
        )
        steps = [label for row in rows for label in row.labels]
        yield from publish(
            context,
            store,
            [Table(StepLabels, "rpe_labels", key, rows, without=("epsilon",))],
            [DOMAIN.result(sound, steps=len(steps))],
            {
                "seconds": clock.seconds(),
                "estimator": variant.estimator,
                "epsilon": variant.epsilon,
                "rollouts": rollouts_behind(scores, variant),
                "steps labelled wrong (%)": share(steps.count(0), len(steps)),
                "solutions without error (%)": share(sum(r.first_error == NO_ERROR for r in rows), len(rows)),
                "examples": examples(
                    [
                        {
                            "solution": row.solution_id,
                            "mc": score.mc,
                            "progress": row.progress,
                            "labels": row.labels,
                        }
                        for row, score in zip(rows, scores, strict=True)
                    ]
                ),
            },
        )

    return rpe_labels


def rollouts_behind(scores: Sequence[StepScores], variant: LabelVariant) -> str:
    """Whether the rollouts were drawn for these labels, in words: sequential estimation decides for one epsilon of
    the ratio, and labels of another are less exact near it."""
    decided_for = sorted({row.decided_for for row in scores if row.decided_for is not None})
    if not decided_for:
        return "K for every step"
    epsilons = ", ".join(f"{epsilon:g}" for epsilon in decided_for)
    if variant.estimator == "ratio" and decided_for != [variant.epsilon]:
        return f"until decided for epsilon {epsilons}: near {variant.epsilon:g} these labels are less exact"
    return f"until decided for epsilon {epsilons} of the ratio"
