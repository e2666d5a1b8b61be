"""Step labels from Monte-Carlo scores: relative progress estimation (paper 4.2, table 3)."""

from collections.abc import Mapping, Sequence
from typing import Any

from assets.artifact import ArtifactContext, Check, Input, Made, Stage, Table, artifact
from assets.metadata import examples, share
from assets.parameters import reads
from assets.partitions import by_dimension
from genprm.labels.progress import label_steps
from genprm.records import NO_ERROR, StepLabels, StepScores
from genprm.settings import LabelVariant

DOMAIN = Check("label_domain", "Labels are 0 or 1, one for every scored step; the first error is the first 0.")


@artifact(
    stage=Stage.LABELS,
    code_version="1",
    partitions=lambda pipeline: pipeline.labelled,
    inputs=lambda pipeline: (
        Input("mc_scores" if pipeline.sampled else "imported_solutions", by_dimension("shard")),
    ),
    parameters=lambda pipeline: (reads("labels", by_dimension("variant")),) if pipeline.sampled else (),
    checks=(DOMAIN,),
    wanted=lambda pipeline: not pipeline.imported,
)
def rpe_labels(context: ArtifactContext) -> Made:
    """A step is good when it keeps enough of the chance to reach the answer: progress `P_t = MC(s_t, a_t) /
    MC(s_t)` and label 1 iff `P_t >= epsilon` (0.8 in the paper). The other variants are the difference of the
    two scores, the hard label `MC > 0`, and ours, which looks for the first wrong step in all scores of a
    solution. Arithmetic only: a new epsilon re-labels in a moment.
    With `labels.source` the labels are those of that set, unchanged.
    """
    if not context.pipeline.sampled:
        return _imported(context)
    variant = context.profile.labels.variant(context.dimension("variant"))
    scores = context.store.read(StepScores, "mc_scores", context.dimension("shard"))
    rows = [label_steps(row, variant) for row in scores]
    pairs = list(zip(rows, scores, strict=True))
    return _made(
        rows,
        all(len(row.labels) == len(score.mc) for row, score in pairs),
        {
            "estimator": variant.estimator,
            "epsilon": variant.epsilon,
            "rollouts": rollouts_behind(scores, variant),
        },
        [
            {"solution": row.solution_id, "mc": score.mc, "progress": row.progress, "labels": row.labels}
            for row, score in pairs
        ],
    )


def _imported(context: ArtifactContext) -> Made:
    """The labels of an imported set."""
    rows = context.store.read(StepLabels, "imported_labels", context.dimension("shard"))
    formats = ", ".join(sorted({row.estimator for row in rows}))
    shown = [{"solution": row.solution_id, "labels": row.labels} for row in rows]
    return _made(rows, True, {"format": formats}, shown)


def _made(
    rows: Sequence[StepLabels], complete: bool, facts: Mapping[str, Any], shown: Sequence[Mapping[str, Any]]
) -> Made:
    """Labels with their check, which also needs them to be `complete`; `facts` and the examples `shown` tell where
    they come from."""
    sound = complete and all(
        set(row.labels) <= {0, 1} and row.first_error == (row.labels.index(0) if 0 in row.labels else NO_ERROR)
        for row in rows
    )
    steps = [label for row in rows for label in row.labels]
    return Made(
        [Table(StepLabels, rows, without=("epsilon",))],
        [DOMAIN.result(sound, steps=len(steps))],
        {
            **facts,
            "steps labelled wrong (%)": share(steps.count(0), len(steps)),
            "solutions without error (%)": share(sum(r.first_error == NO_ERROR for r in rows), len(rows)),
            "examples": examples(shown),
        },
    )


def rollouts_behind(scores: Sequence[StepScores], variant: LabelVariant) -> str:
    """Say in words whether the rollouts were drawn for these labels: sequential estimation decides for one epsilon
    of the ratio. Labels for another epsilon are less exact where the ratio is near that other epsilon."""
    decided_for = sorted({row.decided_for for row in scores if row.decided_for is not None})
    if not decided_for:
        return "K for every step"
    epsilons = ", ".join(f"{epsilon:g}" for epsilon in decided_for)
    if variant.estimator == "ratio" and decided_for != [variant.epsilon]:
        return f"until decided for epsilon {epsilons}: near {variant.epsilon:g} these labels are less exact"
    return f"until decided for epsilon {epsilons} of the ratio"
