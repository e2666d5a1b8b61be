"""Hardware as a user writes it."""

from __future__ import annotations

import pytest

from genprm.data_sets.rows import InputError
from genprm.hardware.devices import Hardware, parse_hardware


@pytest.mark.parametrize(
    ("text", "hardware"),
    [
        ("1xH100-80GB", Hardware(1, 1, 80, "H100")),
        ("8xA100-80GB", Hardware(1, 8, 80, "A100")),
        ("1xRTX4090-24GB", Hardware(1, 1, 24, "RTX4090")),
        ("2x8xH100-80GB", Hardware(2, 8, 80, "H100")),
        ("8x80GB", Hardware(1, 8, 80)),
        ("24GB", Hardware(1, 1, 24)),
    ],
)
def test_nodes_devices_name_and_memory_are_read(text: str, hardware: Hardware) -> None:
    assert parse_hardware(text) == hardware
    assert parse_hardware(str(hardware)) == hardware


def test_all_devices_of_all_nodes_are_counted() -> None:
    assert parse_hardware("2x8x80GB").count == 16


def test_devices_without_a_name_are_as_fast_as_an_a100() -> None:
    assert parse_hardware("1x80GB").speed == parse_hardware("1xA100-80GB").speed
    assert parse_hardware("1xH100-80GB").speed.flops == 989e12


@pytest.mark.parametrize(
    "text", ["", "H100", "8xH100", "0x80GB", "8x", "1GB", "2x2x2x80GB", "-8x80GB", "8xH100-80MB"]
)
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="allowed: such as 80GB, 8xH100-80GB"):
        parse_hardware(text)


@pytest.mark.parametrize("text", ["8xTPU-80GB", "8xH100-81GB"])
def test_an_unknown_device_is_refused_with_those_that_are_known(text: str) -> None:
    with pytest.raises(InputError, match=r"allowed: H100-80GB, .*RTX4090-24GB.* unnamed"):
        parse_hardware(text)
