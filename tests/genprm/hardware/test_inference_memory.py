"""Memory of engines, by hand."""

from __future__ import annotations

import pytest

from genprm.hardware.devices import parse_hardware
from genprm.hardware.inference_memory import Serving, engine_gib, inference_memory, kv_bytes, number_size
from genprm.hardware.published import published_config
from genprm.hardware.shapes import ModelShape, shape_of
from genprm.settings import EngineSettings

SETTINGS = EngineSettings(backend="vllm", max_context=16384)


@pytest.fixture(scope="module")
def qwen() -> ModelShape:
    return shape_of(published_config("Qwen/Qwen2.5-Math-7B-Instruct"))


def test_weights_and_one_context_of_qwen_7b(qwen: ModelShape) -> None:
    parts = inference_memory(qwen, SETTINGS, Serving()).parts
    assert parts["weights"] == 2 * 7_615_616_512
    assert parts["keys and values"] == 16384 * 57_344


def test_devices_share_weights_and_key_value_heads_as_far_as_there_are_any(qwen: ModelShape) -> None:
    alone, four, fourteen = (inference_memory(qwen, SETTINGS, Serving(split)).parts for split in (1, 4, 14))
    assert alone["weights"] == 4 * four["weights"]
    assert alone["keys and values"] == 4 * four["keys and values"] == 4 * fourteen["keys and values"]
    assert kv_bytes(qwen, Serving(2)) == 57_344 / 2


@pytest.mark.parametrize(
    ("dtype", "is_gpu", "size"),
    [("auto", True, 2), ("auto", False, 4), ("bfloat16", False, 2), ("float32", True, 4)],
)
def test_numbers_are_as_long_as_their_format(dtype: str, is_gpu: bool, size: int) -> None:
    assert number_size(EngineSettings(dtype=dtype), is_gpu) == size


def test_vllm_takes_nine_tenths_of_a_device() -> None:
    hardware = parse_hardware("1xH100-80GB")
    assert engine_gib(SETTINGS, hardware) == 72
    assert engine_gib(EngineSettings(backend="transformers"), hardware) == 79
