"""A generative outcome verifier on the data of GenPRM: one critique of a whole solution (arXiv 2408.15240).

Its critiques are the chains of ThinkPRM without their verdicts on single steps, so it learns from the same
solutions and analyses as GenPRM; its verdict at the end is on the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from genprm.records import Message, TrainingExample
from genprm.reward_models.outcome_verifier import OUTCOME_VERIFIER, about_outcome
from genprm.settings import TrainingSettings
from genprm.training.job import TrainingJob
from genprm.training.recipes.think import ThinkRecipe
from genprm.training.report import TrainingReport
from genprm.training.think_data import without_verdicts


class OutcomeRecipe(ThinkRecipe):
    """Fine-tuned and asked as a ThinkPRM is, on critiques that end in one verdict on the whole solution."""

    kind = "outcome"
    adapter = OUTCOME_VERIFIER

    def wanted(self, settings: TrainingSettings) -> bool:
        """`training.outcome`."""
        return settings.outcome

    def train(
        self, examples: Sequence[Any], job: TrainingJob, env: Mapping[str, str], log: Callable[[str], None]
    ) -> TrainingReport:
        """Supervised fine-tuning on the critiques of chains."""
        return super().train(outcome_critiques(examples), job, env, log)


def outcome_critiques(chains: Iterable[TrainingExample]) -> list[TrainingExample]:
    """The critique of each chain, in the order of `chains`: one message of the question and one of the answer.

    Chains that were not made here keep verdicts on steps that are part of their sentences.
    """
    return [_critique(chain) for chain in chains]


def _critique(chain: TrainingExample) -> TrainingExample:
    asked, answer = chain.messages
    written = without_verdicts(answer.content)
    return TrainingExample(chain.id, [Message("user", about_outcome(asked.content)), Message("assistant", written)])
