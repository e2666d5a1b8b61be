"""Solutions with a label per step, for the discriminative model: the same steps that GenPRM is trained on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from genprm.records import NO_ERROR, Rationale, TrainingExample


@dataclass(frozen=True, slots=True)
class LabelledSolution:
    """A solution up to and including its first wrong step: `labels[t]` is 1 if step t is right, else 0."""

    id: str
    problem: str
    steps: list[str]
    labels: list[int]


def labelled_solutions(
    rationales: Iterable[Rationale], examples: Sequence[TrainingExample]
) -> list[LabelledSolution]:
    """The solutions of a training set with their labels, in the order of its conversations.

    Consensus filtering kept only rationales whose judgements agree with the labels, so the judgements serve as
    labels here. Steps after the first error are left out, as they are in the conversations.

    Raises:
        ValueError: a conversation has no rationale.
    """
    found = {rationale.solution_id: rationale for rationale in rationales}
    missing = [example.id for example in examples if example.id not in found]
    if missing:
        raise ValueError(f"conversation {missing[0]!r} has no rationale ({len(missing)} have none)")
    return [_labelled(found[example.id]) for example in examples]


def _labelled(rationale: Rationale) -> LabelledSolution:
    error = rationale.judged_first_error
    steps = rationale.steps if error == NO_ERROR else rationale.steps[: error + 1]
    labels = [int(t != error) for t in range(len(steps))]
    return LabelledSolution(rationale.solution_id, rationale.problem, list(steps), labels)
