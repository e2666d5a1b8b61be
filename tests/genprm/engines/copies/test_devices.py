"""Which GPUs a copy of a model works on."""

from __future__ import annotations

import pytest

from genprm.engines.base import EngineError
from genprm.engines.copies.devices import DEVICES_VARIABLE, device_groups, visible_devices, wanted_devices
from genprm.settings import EngineSettings


def test_copies_of_vllm_have_groups_that_share_no_gpu() -> None:
    groups = device_groups("01234567", EngineSettings(backend="vllm", replicas=4, tensor_parallel=2))
    assert [len(group) for group in groups] == [2, 2, 2, 2]
    assert sorted(name for group in groups for name in group) == list("01234567")


def test_vllm_is_given_no_gpu_twice() -> None:
    with pytest.raises(EngineError, match=r"replicas 2 x engine.tensor_parallel 2 asks for 4 GPUs, allowed: the 3"):
        device_groups("012", EngineSettings(backend="vllm", replicas=2, tensor_parallel=2))


def test_without_gpus_copies_are_on_the_cpu() -> None:
    settings = EngineSettings(backend="vllm", replicas=2)
    assert device_groups((), settings) == [(), ()]
    assert wanted_devices(settings, 0) == 0


def test_named_devices_are_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEVICES_VARIABLE, "4, GPU-ab")
    assert visible_devices() == ("4", "GPU-ab")
    monkeypatch.setenv(DEVICES_VARIABLE, "")
    assert visible_devices() == ()
