"""Engines that do not fit are refused before their weights are read."""

from __future__ import annotations

from typing import Any

import pytest

from genprm.engines import fit, resolve_model
from genprm.engines.base import EngineError
from genprm.hardware.devices import Device
from genprm.hardware.memory import GIB
from genprm.hardware.published import published_config
from genprm.settings import EngineSettings

VLLM = EngineSettings(backend="vllm")


@pytest.fixture
def a_7b(monkeypatch: pytest.MonkeyPatch) -> None:
    config = published_config("Qwen/Qwen2.5-Math-7B-Instruct")
    monkeypatch.setattr(fit, "load_config", lambda model: config)


def show(monkeypatch: pytest.MonkeyPatch, *devices: Device) -> None:
    monkeypatch.setattr(fit, "devices_here", lambda: list(devices))


@pytest.mark.usefixtures("a_7b")
def test_a_7b_fits_on_24_gib_and_not_on_16(monkeypatch: pytest.MonkeyPatch) -> None:
    """15.2 GB of weights, 0.9 of one context of 16,384 tokens, and what a pass needs."""
    show(monkeypatch, Device("RTX 4090", 24 * GIB, 23 * GIB))
    fit.check_engine("seven", VLLM)
    show(monkeypatch, Device("V100", 16 * GIB, 15 * GIB))
    with pytest.raises(
        EngineError, match=r"^model 'seven' needs 16\.\d GiB, V100 has 14\.4 for it: 1\.\d GiB short$"
    ):
        fit.check_engine("seven", VLLM)


@pytest.mark.usefixtures("a_7b")
def test_what_others_hold_of_a_device_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    show(monkeypatch, Device("H100", 80 * GIB, 10 * GIB))
    with pytest.raises(EngineError, match=r"H100 has 10\.0 for it"):
        fit.check_engine("seven", VLLM)


@pytest.mark.usefixtures("a_7b")
def test_a_shorter_context_that_fits_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    show(monkeypatch, Device("RTX 4090", 24 * GIB, 23 * GIB))
    with pytest.raises(EngineError, match=r"would fit: --set engine\.max_context=65536$"):
        fit.check_engine("seven", EngineSettings(backend="vllm", max_context=131072))


@pytest.mark.usefixtures("a_7b")
def test_a_machine_that_is_too_small_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    show(monkeypatch)
    monkeypatch.setattr(fit, "this_machine", lambda: Device("this machine", 16 * GIB, 12 * GIB, is_gpu=False))
    fit.check_engine("seven", EngineSettings(backend="transformers"))
    assert capsys.readouterr().err.startswith("warning: model 'seven' needs 3")


def test_on_a_machine_without_a_gpu_nothing_is_said_of_what_fits(capsys: pytest.CaptureFixture[str]) -> None:
    fit.check_engine(resolve_model("miniature/policy"), EngineSettings(backend="transformers", max_context=1024))
    assert capsys.readouterr() == ("", "")


def test_quantised_weights_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    config: Any = published_config("Qwen/QwQ-32B")
    config.quantization_config = {"bits": 4}
    monkeypatch.setattr(fit, "load_config", lambda model: config)
    show(monkeypatch, Device("RTX 4090", 24 * GIB, 23 * GIB))
    fit.check_engine("four-bits", VLLM)
    fit.check_engine("a.Q4_1.gguf", VLLM)
