"""Consensus filtering (paper 4.2): keep a solution only where step labels and judgements agree.

The comparison runs up to and including the first error; what follows a wrong step is neither compared nor
trained on. About half of the solutions are dropped in the paper.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from genprm.modes import Mode
from genprm.records import NO_ERROR, FilterDecision, Rationale, StepLabels, TrainingExample
from genprm.settings import FilterSettings, TurnFormat
from genprm.verification.conversation import conversation_messages, turn_for_mode

Reason = Literal[
    "agree",
    "label_error_judge_fine",
    "judge_error_label_fine",
    "different_step",
    "forced_verdict",
    "no_verdict",
]
"""Why a solution was kept ("agree") or dropped. The last two: the rationale did not keep to the turn format."""

REASONS: tuple[Reason, ...] = get_args(Reason)


def decide(labels: StepLabels, rationale: Rationale) -> FilterDecision:
    """Whether labels and judgements of one solution agree, and if not, why.

    A rationale with a missing or forced verdict up to its first error is dropped for that reason alone.

    Raises:
        ValueError: they belong to different solutions, or not every step that counts was judged.
    """
    _check_same_solution(labels, rationale)
    reason = _reason(labels, rationale)
    return FilterDecision(
        solution_id=labels.solution_id,
        kept=reason == "agree",
        reason=reason,
        label_first_error=labels.first_error,
        judged_first_error=rationale.judged_first_error,
    )


def _check_same_solution(labels: StepLabels, rationale: Rationale) -> None:
    name = rationale.solution_id
    if labels.solution_id != name:
        raise ValueError(f"labels of solution {labels.solution_id!r} against the rationale of {name!r}")
    if len(labels.labels) != len(rationale.steps):
        raise ValueError(f"solution {name!r}: {len(labels.labels)} labels for {len(rationale.steps)} steps")
    if len(rationale.verification.steps) < _judged_steps(rationale):
        raise ValueError(
            f"solution {name!r}: {len(rationale.verification.steps)} judgements, {_judged_steps(rationale)} needed"
        )


def _judged_steps(rationale: Rationale) -> int:
    """Steps up to and including the first that was judged wrong."""
    return len(rationale.steps) if rationale.judged_first_error == NO_ERROR else rationale.judged_first_error + 1


def _reason(labels: StepLabels, rationale: Rationale) -> Reason:
    judged = rationale.verification.steps[: _judged_steps(rationale)]
    if any(step.verdict == "none" for step in judged):
        return "no_verdict"
    if any(step.forced for step in judged):
        return "forced_verdict"
    if labels.first_error == rationale.judged_first_error:
        return "agree"
    if rationale.judged_first_error == NO_ERROR:
        return "label_error_judge_fine"
    if labels.first_error == NO_ERROR:
        return "judge_error_label_fine"
    return "different_step"


def count_reasons(decisions: Iterable[FilterDecision]) -> dict[str, int]:
    """How many solutions were decided for each reason; every reason is named, zeros included."""
    counts = {str(reason): 0 for reason in REASONS}
    for decision in decisions:
        counts[decision.reason] += 1
    return counts


def training_examples(
    rationales: Sequence[Rationale],
    decisions: Sequence[FilterDecision],
    settings: FilterSettings,
    turn_format: TurnFormat,
    mode: Mode,
) -> list[TrainingExample]:
    """The kept rationales as conversations for `mode`, in the order given.

    All modes come from the same solutions, so that checkpoints differ in how they judge and not in what they saw.
    Balance and share choose by hash of the id: a smaller share is contained in every larger one (paper table 8).

    Raises:
        ValueError: a rationale lacks a block that the mode consists of.
    """
    kept_ids = {decision.solution_id for decision in decisions if decision.kept}
    kept = [rationale for rationale in rationales if rationale.solution_id in kept_ids]
    if settings.balance:
        kept = _balanced(kept)
    chosen = share_of([rationale.solution_id for rationale in kept], settings.share)
    return [_example(rationale, turn_format, mode) for rationale in kept if rationale.solution_id in chosen]


def share_of(ids: Sequence[str], share: float) -> set[str]:
    """Return the ids in a share of the solutions (rounded, at least one). A larger share contains every smaller
    one."""
    return _first_by_hash(ids, max(1, round(share * len(ids))), "share")


def _balanced(rationales: Sequence[Rationale]) -> list[Rationale]:
    wrong = [rationale for rationale in rationales if rationale.judged_first_error != NO_ERROR]
    fine = [rationale for rationale in rationales if rationale.judged_first_error == NO_ERROR]
    size = min(len(wrong), len(fine))
    parts = ([rationale.solution_id for rationale in part] for part in (wrong, fine))
    chosen = {name for part in parts for name in _first_by_hash(part, size, "balance")}
    return [rationale for rationale in rationales if rationale.solution_id in chosen]


def _first_by_hash(ids: Sequence[str], size: int, purpose: str) -> set[str]:
    """The `size` ids with the smallest hashes; each `purpose` has its own hashes."""

    def rank(name: str) -> bytes:
        return hashlib.sha256(f"{purpose}:{name}".encode()).digest()

    return set(sorted(ids, key=rank)[:size])


def _example(rationale: Rationale, turn_format: TurnFormat, mode: Mode) -> TrainingExample:
    judged = rationale.verification.steps[: _judged_steps(rationale)]
    turns = [turn_for_mode(step.text, mode) for step in judged]
    messages = conversation_messages(turn_format, rationale.problem, rationale.steps[: len(turns)], turns, mode)
    return TrainingExample(id=rationale.solution_id, messages=messages)
