"""The small base model and tokenizer of the other trainings."""

from __future__ import annotations

from tests.genprm.training.conftest import base_model, tokenizer

__all__ = ["base_model", "tokenizer"]
