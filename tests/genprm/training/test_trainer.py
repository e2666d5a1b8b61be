"""What all training processes share: one device each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from genprm.training.launch import child_environment


@pytest.mark.parametrize(("visible", "shown"), [("2,3", "2"), ("GPU-5a,GPU-7b", "GPU-5a"), ("1", "1"), ("", "")])
def test_a_training_process_sees_the_first_device(visible: str, shown: str) -> None:
    assert child_environment({"CUDA_VISIBLE_DEVICES": visible})["CUDA_VISIBLE_DEVICES"] == shown


def test_each_of_several_processes_has_a_device() -> None:
    assert child_environment({"CUDA_VISIBLE_DEVICES": "5,3,2"}, processes=2)["CUDA_VISIBLE_DEVICES"] == "5,3"


def test_a_training_process_sees_one_device_of_a_machine_that_hides_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert child_environment({})["CUDA_VISIBLE_DEVICES"] == "0"


def test_a_batch_is_never_spread_over_devices_unasked(tmp_path: Path) -> None:
    from transformers import TrainingArguments

    from genprm.training.trainer import the_device

    arguments: Any = TrainingArguments(output_dir=str(tmp_path), use_cpu=True)
    assert the_device(arguments) == "cpu"
    # What transformers finds where two devices are visible: it would wrap the model in DataParallel.
    arguments._n_gpu = 2
    with pytest.raises(RuntimeError, match="2 devices, not_distributed: a process trains on one device"):
        the_device(arguments)
