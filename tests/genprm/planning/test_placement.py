"""Where models go on given hardware: memory, hours worked out by hand, and what would fit instead."""

from __future__ import annotations

import pytest

from genprm.hardware.devices import parse_hardware
from genprm.planning.assumptions import Assumptions
from genprm.planning.more_devices import shard_counts
from genprm.planning.on_hardware import Placed, model_shape, place, refusals
from genprm.planning.planned import Planned, Work
from genprm.profiles import load_profile
from genprm.settings import Profile

QWEN, QWQ = "Qwen/Qwen2.5-Math-7B-Instruct", "Qwen/QwQ-32B"
R1 = "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"
ASSUMED = Assumptions()
PAPER = load_profile("paper-7b")


def row(*work: Work, chosen: bool = True) -> Planned:
    return Planned("rationales", 0, 0, 0, 0, 0, 0, 0, 0, 0, chosen=chosen, work=work)


def placed(work: Work, hardware: str, profile: Profile = PAPER) -> Placed:
    (found,) = place(profile, [row(work)], parse_hardware(hardware), ASSUMED)
    return found


def writing(model: str) -> Work:
    """A million requests of 100 tokens each, answered in 200."""
    return Work(model, 1e6, 1e8, 1e7, 2e8)


def training(model: str = R1) -> Work:
    return Work(model, 0, 0, 0, 0, trained=1e8)


def test_a_model_that_fits_is_copied_onto_every_device() -> None:
    found = placed(writing(QWEN), "2x8xH100-80GB").placement
    assert (found.copies, found.split, found.fits) == (16, 1, True)


def test_a_model_that_is_too_large_for_one_device_is_shared() -> None:
    found = placed(writing(QWQ), "4xRTX4090-24GB").placement
    assert (found.copies, found.split, found.fits) == (1, 4, True)
    assert found.memory.parts["weights"] == 2 * model_shape(QWQ).parameters / 4


def test_backend_transformers_shares_no_model_among_devices() -> None:
    """The settings refuse it, too (`engine.tensor_parallel`)."""
    alone = PAPER.model_copy(update={"engine": PAPER.engine.model_copy(update={"backend": "transformers"})})
    found = placed(writing(QWEN), "8xH100-80GB", alone).placement
    assert (found.copies, found.split) == (8, 1)
    (line,) = refusals([placed(writing(QWQ), "4xRTX4090-24GB", alone)])
    assert line.endswith("would fit: --set engine.backend=vllm on 4xRTX4090-24GB")


def test_hours_of_writing_by_hand() -> None:
    """256 rows with 200 tokens of context each. A step reads all weights and 256 x 200 keys and values at 60 % of
    3.35 TB/s; prompts are read at half of 989 TFLOP/s."""
    found = placed(writing(QWEN), "1xH100-80GB").placement
    assert found.rows == 256
    parameters = 7_615_616_512
    step = (2 * parameters + 256 * 200 * 57_344) / (0.6 * 3.35e12)
    seconds = 2e8 / 256 * step + 1e7 * 2 * parameters / (0.5 * 989e12)
    assert found.hours == pytest.approx(seconds / 3600)
    assert found.gpu_hours == found.hours


def test_rows_are_as_many_as_there_is_memory_for() -> None:
    """16,000 tokens of context: 0.85 GiB each, in what weights and work leave of nine tenths of 80 GiB."""
    found = placed(Work(QWEN, 1e5, 1.5e9, 1e7, 2e8), "1xH100-80GB").placement
    assert found.rows is not None
    taken = 2 * 7_615_616_512 / 2**30 + found.rows * 16_000 * 57_344 / 2**30
    assert 72 - 2 <= taken <= 72


def test_hours_of_training_by_hand() -> None:
    """Eight operations a parameter and token with recomputation, at 40 % of the peak, 90 % of that among eight."""
    found = placed(training(), "8xH100-80GB").placement
    assert found.split == 8
    seconds = 8 * 7_615_616_512 * 1e8 / (8 * 989e12 * 0.4 * 0.9)
    assert found.hours == pytest.approx(seconds / 3600)
    assert found.gpu_hours == pytest.approx(8 * seconds / 3600)


def test_whole_weights_of_a_7b_do_not_fit_on_one_card_and_it_is_said_what_would() -> None:
    found = placed(training(), "1xH100-80GB")
    assert not found.placement.fits
    assert found.placement.hours is None
    assert found.advice == ("--set training.lora.rank=32", "2xH100-80GB")
    assert (
        "GiB more than the 79.0 that are for work; would fit: --set training.lora.rank=32, or 2x" in found.refusal
    )


@pytest.mark.parametrize("advised", ["--set training.lora.rank=32", "2xH100-80GB"])
def test_what_is_advised_fits(advised: str) -> None:
    if advised.startswith("--set"):
        profile, hardware = load_profile("paper-7b", [advised.removeprefix("--set ")]), "1xH100-80GB"
    else:
        profile, hardware = PAPER, advised
    assert placed(training(), hardware, profile).placement.fits


def test_layers_in_4_bits_are_advised_where_an_adapter_alone_does_not_fit() -> None:
    """A 32B in 4 bits trains on one card of 48 GB (Dettmers et al. 2023: a 65B, with shorter rows)."""
    advice = placed(training("Qwen/QwQ-32B"), "1xL40S-48GB", load_profile("paper-32b")).advice
    changes = advice[0].removeprefix("--set ").split(" --set ")
    assert changes == ["training.lora.rank=32", "training.lora.quantized=true"]
    assert placed(training("Qwen/QwQ-32B"), "1xL40S-48GB", load_profile("paper-32b", changes)).placement.fits


def test_a_shorter_context_is_advised_where_keys_and_values_are_what_lacks() -> None:
    long = load_profile("paper-7b", ["engine.max_context=131072"])
    found = placed(writing(QWQ), "1xH100-80GB", long)
    assert found.advice == ("--set engine.max_context=32768", "2xH100-80GB")


def test_estimators_that_are_not_chosen_are_left_out_and_work_is_told_by_model() -> None:
    rows = [row(writing(QWEN), chosen=False), row(writing(QWEN), writing(QWQ), writing(QWEN))]
    found = place(PAPER, rows, parse_hardware("8xH100-80GB"), ASSUMED)
    assert [one.model for one in found] == [QWEN, QWQ]


def test_a_training_takes_whole_nodes() -> None:
    found = placed(training(), "2x8xH100-80GB").placement
    assert (found.split, found.way) == (16, "16 shards on 2 nodes, all weights")
    assert shard_counts(PAPER.training, parse_hardware("4x6x80GB")) == [1, 2, 4]


def test_what_one_node_cannot_hold_several_can() -> None:
    largest = load_profile("paper-32b")
    found = placed(training("Qwen/QwQ-32B"), "8xH100-80GB", largest)
    assert not found.placement.fits
    assert "2x8xH100-80GB" in found.advice
    assert placed(training("Qwen/QwQ-32B"), "2x8xH100-80GB", largest).placement.fits


def test_larger_devices_are_advised_where_no_node_of_these_holds_a_model() -> None:
    small = load_profile("paper-7b", ["training.lora.rank=32"])
    found = placed(training("Qwen/QwQ-32B"), "8xL4-24GB", small)
    assert not found.placement.fits
    (advised,) = found.advice
    assert placed(training("Qwen/QwQ-32B"), advised, small).placement.fits


def test_a_lack_is_named_once() -> None:
    rows = [row(writing(QWQ)), row(writing(QWQ))]
    assert len(refusals(place(PAPER, rows, parse_hardware("1xRTX4090-24GB"), ASSUMED))) == 1
