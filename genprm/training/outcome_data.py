"""Critiques for an outcome verifier: the chains of ThinkPRM without their verdicts on single steps.

So it is trained on the same solutions and the same analyses as GenPRM; the verdict at the end is on the whole.
"""

from __future__ import annotations

from collections.abc import Iterable

from genprm.records import Message, TrainingExample
from genprm.reward_models.outcome_verifier import about_outcome
from genprm.training.think_data import without_verdicts


def outcome_critiques(chains: Iterable[TrainingExample]) -> list[TrainingExample]:
    """The critique of each chain, in their order; one of the question and one of the answer.

    Chains that others wrote keep the verdicts on steps that are part of their sentences.
    """
    return [_critique(chain) for chain in chains]


def _critique(chain: TrainingExample) -> TrainingExample:
    asked, answer = chain.messages
    written = without_verdicts(answer.content)
    return TrainingExample(chain.id, [Message("user", about_outcome(asked.content)), Message("assistant", written)])
