"""Trainings that do not fit are refused before their first step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from genprm.engines.base import EngineError
from genprm.hardware.devices import Device
from genprm.hardware.memory import GIB, Memory
from genprm.hardware.published import published_config
from genprm.settings import LoraSettings, TrainingSettings
from genprm.training import fit
from genprm.training.job import TrainingJob

CARD = Device("H100", 80 * GIB, 79 * GIB)


@pytest.fixture(autouse=True)
def _a_7b_on_one_card(monkeypatch: pytest.MonkeyPatch) -> None:
    config = published_config("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B")
    monkeypatch.setattr(fit, "load_config", lambda model: config)
    monkeypatch.setattr(fit, "devices_here", lambda: [CARD])


def job(**changes: Any) -> TrainingJob:
    return TrainingJob("seven", TrainingSettings(**changes), False, Path("out"))


def test_all_weights_of_a_7b_are_refused_on_one_card_and_an_adapter_is_advised() -> None:
    with pytest.raises(EngineError, match=r"^training 'seven' needs 1\d\d\.\d GiB, H100 has 79\.0 for it") as error:
        fit.check_training(job(), 8192)
    assert str(error.value).endswith("would fit: --set training.lora.rank=32")


def test_an_adapter_fits_and_less_beside_other_things() -> None:
    adapter = job(lora=LoraSettings())
    fit.check_training(adapter, 8192)
    with pytest.raises(EngineError, match="short"):
        fit.check_training(adapter, 8192, beside=Memory({"engine": 60 * GIB}))


def test_shards_fit_where_the_whole_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "8")
    fit.check_training(job(), 8192)


def test_a_machine_without_a_gpu_is_warned_of_what_it_cannot_hold(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fit, "devices_here", lambda: [])
    monkeypatch.setattr(fit, "this_machine", lambda: Device("this machine", 64 * GIB, GIB, is_gpu=False))
    fit.check_training(job(lora=LoraSettings()), 256)
    assert capsys.readouterr().out == ""
    fit.check_training(job(), 256)
    assert capsys.readouterr().out.startswith("warning: training 'seven' needs 1")


def test_weights_that_are_quantised_already_are_not_quantised_again(monkeypatch: pytest.MonkeyPatch) -> None:
    config = published_config("Qwen/QwQ-32B")
    config.quantization_config = {"quant_method": "awq"}
    monkeypatch.setattr(fit, "load_config", lambda model: config)
    fit.check_training(job(lora=LoraSettings()), 256)
    with pytest.raises(EngineError, match=r"its weights are quantised; allowed without lora\.quantized"):
        fit.check_training(job(lora=LoraSettings(quantized=True)), 256)
