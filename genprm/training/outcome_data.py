"""Critiques for an outcome verifier: the chains of ThinkPRM without their verdicts on single steps.

So the verifier learns from the same solutions and analyses as GenPRM; its verdict at the end is on the whole.
"""

from __future__ import annotations

from collections.abc import Iterable

from genprm.records import Message, TrainingExample
from genprm.reward_models.outcome_verifier import about_outcome
from genprm.training.think_data import without_verdicts


def outcome_critiques(chains: Iterable[TrainingExample]) -> list[TrainingExample]:
    """The critique of each chain, in the order of `chains`: one message of the question and one of the answer.

    Chains that were not made here keep verdicts on steps that are part of their sentences.
    """
    return [_critique(chain) for chain in chains]


def _critique(chain: TrainingExample) -> TrainingExample:
    asked, answer = chain.messages
    written = without_verdicts(answer.content)
    return TrainingExample(chain.id, [Message("user", about_outcome(asked.content)), Message("assistant", written)])
