"""Consensus filtering: which solutions labels and judgements agree on (paper 4.2)."""

from typing import Any

from assets.artifact import ArtifactContext, Check, Input, Made, Stage, Table, artifact
from assets.metadata import examples, plot, share
from assets.partitions import by_dimension
from genprm.consensus import count_reasons, decide
from genprm.records import NO_ERROR, FilterDecision, Rationale, StepLabels
from genprm.reward_models.base import VerdictCounts

DECIDED = Check("all_decided", "Every judged solution has one decision, in the order of the rationales.")
AGREED = Check("kept_agree", "Every kept solution has the same first error in labels and judgement.")
BOTH = Check("kept_both_kinds", "Solutions with an error and without one are both kept.", integrity=False)


@artifact(
    stage=Stage.RATIONALES,
    code_version="1",
    partitions=lambda pipeline: pipeline.labelled,
    inputs=lambda pipeline: (Input("rpe_labels"), Input("rationales", by_dimension("shard"))),
    checks=(DECIDED, AGREED, BOTH),
    wanted=lambda pipeline: not pipeline.imported,
)
def filtered_set(context: ArtifactContext) -> Made:
    """Two noisy opinions that agree are worth more than either. A solution is kept when labels and judgements
    have the same first wrong step; everything after it is neither compared nor trained on. The paper keeps
    about half.
    """
    key = context.key
    labels = {row.solution_id: row for row in context.store.read(StepLabels, "rpe_labels", key)}
    judged = context.store.read(Rationale, "rationales", context.dimension("shard"))
    rows = [decide(labels[rationale.solution_id], rationale) for rationale in judged]
    kept = [row for row in rows if row.kept]
    with_error = sum(row.label_first_error != NO_ERROR for row in kept)
    reasons = count_reasons(rows)
    counts = VerdictCounts.of_steps(step for rationale in judged for step in rationale.verification.steps)
    return Made(
        [Table(FilterDecision, rows)],
        [
            DECIDED.result(len(rows) == len(labels) == len({row.solution_id for row in rows})),
            AGREED.result(all(row.label_first_error == row.judged_first_error for row in kept)),
            BOTH.result(0 < with_error < len(kept), with_error=with_error, kept=len(kept)),
        ],
        {
            "kept (%)": share(len(kept), len(rows)),
            "kept": len(kept),
            "kept with an error": with_error,
            "reasons": reasons,
            "steps judged": counts.verdicts,
            "verdicts forced": counts.forced,
            "verdicts missing": counts.missing,
            "decisions": plot(lambda axes: _draw(axes, reasons)),
            "examples": examples(
                [
                    {
                        "solution": r.solution_id,
                        "label": r.label_first_error,
                        "judged": r.judged_first_error,
                        "": r.reason,
                    }
                    for r in rows
                ],
                6,
            ),
        },
    )


def _draw(axes: Any, reasons: dict[str, int]) -> None:
    axes.barh([reason.replace("_", " ") for reason in reasons], list(reasons.values()), color="#3b6ea5")
    axes.invert_yaxis()
    axes.set(xlabel="solutions")
