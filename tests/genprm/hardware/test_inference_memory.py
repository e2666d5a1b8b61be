"""Memory of engines, by hand and against the peak of a real engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from genprm.engines import resolve_model
from genprm.engines.loading import load_config
from genprm.hardware.devices import parse_hardware
from genprm.hardware.inference_memory import (
    Load,
    Serving,
    engine_gib,
    inference_memory,
    kv_bytes,
    number_size,
    room,
)
from genprm.hardware.published import published_config
from genprm.hardware.shapes import ModelShape, shape_of
from genprm.settings import EngineSettings
from tests.genprm.engines.subjects import write_smollm2
from tests.genprm.hardware.inference_peak import inference_peak

SETTINGS = EngineSettings(backend="vllm", max_context=16384)


@pytest.fixture(scope="module")
def qwen() -> ModelShape:
    return shape_of(published_config("Qwen/Qwen2.5-Math-7B-Instruct"))


def test_weights_and_one_context_of_qwen_7b(qwen: ModelShape) -> None:
    parts = inference_memory(qwen, SETTINGS, Serving()).parts
    assert parts["weights"] == 2 * 7_615_616_512
    assert parts["keys and values"] == 16384 * 57_344


def test_rows_of_transformers_have_buffers_that_grow_by_half() -> None:
    """One and a half times 1008 tokens, then one and a half times 1520, within the context of 2048."""
    load = Load(rows=4, prompt=1000, context=1700)
    for backend, tokens in (("vllm", 1700), ("transformers", 2048)):
        assert room(EngineSettings(backend=backend, max_context=2048), load) == 4 * tokens


def test_the_cache_of_transformers_counts(qwen: ModelShape) -> None:
    with_cache, without = (
        inference_memory(qwen, EngineSettings(backend="transformers", prefix_cache_mb=mb), Serving()).bytes
        for mb in (512, 0)
    )
    assert with_cache - without == 512 * 2**20


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


LOADS = [Load(rows=8, prompt=200, context=320), Load(rows=64, prompt=100, context=400)]
"""One whose worst moment is when prompts are read, and one whose worst moment is the end."""


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("load", LOADS)
def test_the_peak_of_a_real_engine_is_foretold(dtype: str, load: Load) -> None:
    check_peak(Path(resolve_model("miniature/rationale")), dtype, load)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_peak_of_a_real_language_model_is_foretold(tmp_path: Path, dtype: str) -> None:
    check_peak(Path(write_smollm2(tmp_path)), dtype, Load(rows=8, prompt=200, context=210))


def check_peak(model: Path, dtype: str, load: Load) -> None:
    """Hold what is foretold against what torch tells of allocations on a CPU."""
    settings = EngineSettings(
        backend="transformers", dtype=dtype, max_context=1024, max_batch=load.rows, prefix_cache_mb=0
    )
    shape, serving = shape_of(load_config(str(model))), Serving(number=number_size(settings, is_gpu=False))
    foretold = inference_memory(shape, settings, serving, load)
    assert foretold.bytes == pytest.approx(inference_peak(model, settings, load), rel=0.15)
