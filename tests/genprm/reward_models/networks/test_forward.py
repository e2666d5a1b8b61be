"""Rows in batches, and what a reward model does with solutions it cannot take."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genprm.engines.base import ContextFull, EngineError
from genprm.reward_models.networks.forward import batches
from genprm.reward_models.qwen_prm import load_qwen
from genprm.reward_models.skywork import load_skywork
from genprm.settings import EngineSettings


@given(lengths=st.lists(st.integers(1, 50), max_size=20), budget=st.integers(1, 120))
def test_batches_hold_every_row_once_and_keep_to_the_budget(lengths: list[int], budget: int) -> None:
    groups = list(batches(lengths, budget))
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or len(group) * max(lengths[index] for index in group) <= budget


async def test_no_solutions_have_no_scores(skywork: Any, settings: EngineSettings) -> None:
    assert await load_skywork(skywork.path, settings).score_many([]) == []


async def test_a_solution_that_is_too_long_is_refused_with_its_length(qwen_prm: Any) -> None:
    model = load_qwen(qwen_prm.path, EngineSettings(backend="transformers", max_context=64))
    with pytest.raises(ContextFull, match=r"a solution has \d+ tokens, engine.max_context is 64"):
        await model.score("How many?", ["1 + 1 = 2. " * 40])


async def test_a_closed_model_says_so(skywork: Any, settings: EngineSettings) -> None:
    model = load_skywork(skywork.path, settings)
    await model.close()
    with pytest.raises(EngineError, match="is closed"):
        await model.score("How many?", ["One."])
