"""Training on several processes: the losses of one process, half of everything in each of two, and no run lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from genprm.records import TrainingExample
from genprm.settings import LoraSettings, ReinforcementSettings, TrainingSettings
from genprm.training import TrainingError, TrainingJob, TrainingReport, run_training
from genprm.training.discriminative import train_discriminative
from tests.genprm.training.test_resume import LABELLED, SETTINGS, ignore
from tests.genprm.training.train_here import train_here
from tests.genprm.training.two_processes import in_two_processes

ONE = SETTINGS.model_copy(update={"epochs": 20.0, "learning_rate": 1e-3})
TWO = ONE.model_copy(update={"processes": 2})
pytestmark = pytest.mark.timeout(900)


def same_losses(one: TrainingReport, two: TrainingReport) -> None:
    """At every update the same examples have been seen and the same weights reached, but for rounding."""
    assert [point.step for point in two.losses] == [point.step for point in one.losses]
    assert [point.learning_rate for point in two.losses] == [point.learning_rate for point in one.losses]
    assert [point.loss for point in two.losses] == pytest.approx([point.loss for point in one.losses], abs=1e-4)


@pytest.fixture(scope="module")
def undisturbed(
    base_model: Path, examples: list[TrainingExample], tmp_path_factory: pytest.TempPathFactory
) -> TrainingReport:
    place = tmp_path_factory.mktemp("undisturbed") / "checkpoint"
    return run_training(examples, TrainingJob(str(base_model), TWO, True, place), {}, ignore)


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(
    base_model: Path, examples: list[TrainingExample], undisturbed: TrainingReport, tmp_path: Path
) -> None:
    """Ten conversations make five micro-batches of two: of the last turn one process has none."""
    import torch
    from transformers import AutoModelForCausalLM

    from genprm.training import sft

    report = train_here(sft.train, examples, TrainingJob(str(base_model), ONE, True, tmp_path / "one"))

    same_losses(report, undisturbed)
    files = [sorted(file.name for file in one.checkpoint.iterdir()) for one in (report, undisturbed)]
    assert files[0] == files[1]
    one, two = (AutoModelForCausalLM.from_pretrained(made.checkpoint) for made in (report, undisturbed))
    ids = torch.arange(3, 63)[None]
    torch.testing.assert_close(two(ids).logits, one(ids).logits, rtol=0, atol=1e-3)


@pytest.mark.slow
def test_heads_and_adapters_too(body: Path, tmp_path: Path) -> None:
    from genprm.training import discriminative_trainer

    lora = {"lora": LoraSettings(rank=4, alpha=8), "epochs": 1.0}
    jobs = [
        TrainingJob(str(body), settings.model_copy(update=lora), False, tmp_path / str(settings.processes))
        for settings in (ONE, TWO)
    ]
    same_losses(
        train_here(discriminative_trainer.train, LABELLED, jobs[0]),
        train_discriminative(LABELLED, jobs[1], {}, ignore),
    )
    assert (tmp_path / "2" / "adapter" / "adapter_model.safetensors").is_file()


@pytest.mark.slow
def test_whoever_dies_no_update_is_lost(
    base_model: Path, examples: list[TrainingExample], undisturbed: TrainingReport, tmp_path: Path
) -> None:
    """Each process killed once, then an interrupt, and the weights are those of a quiet run."""
    job = TrainingJob(str(base_model), TWO, True, tmp_path / "checkpoint")
    lines: list[str] = []

    def start(upon: str, act: Callable[[], None]) -> None:
        waiting = [act]

        def log(line: str) -> None:
            lines.append(line)
            if waiting and line.startswith("step") and line.endswith(upon):
                waiting.pop()()

        run_training(examples, job, {}, log)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(TrainingError, match=r"process 1 of 2 ended by signal 9 \(SIGKILL\)"):
        start(" s", lambda: kill(1))
    with pytest.raises(TrainingError, match=r"process 0 of 2 ended by signal 9 \(SIGKILL\)"):
        start("step 12/60  state saved", lambda: kill(0))
    with pytest.raises(KeyboardInterrupt):
        start(" s", interrupt)
    assert any(line.startswith("stopped behind step ") for line in lines)
    assert ranks() == {}
    assert not job.out_dir.exists()

    resumed = run_training(examples, job, {}, ignore)
    weights = [(made.checkpoint / "model.safetensors").read_bytes() for made in (undisturbed, resumed)]
    assert weights[0] == weights[1]
    assert [point.loss for point in resumed.losses] == [point.loss for point in undisturbed.losses]


def ranks() -> dict[int, int]:
    """The processes of a training that this one started: pid by rank."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            values = dict(one.split("=", 1) for one in (place / "environ").read_text().split("\0") if "=" in one)
            above = int((place / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if "RANK" in values and values.get("GENPRM_PARENT") == str(above) and parent(above) == os.getpid():
            found[int(values["RANK"])] = int(place.name)
    return found


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def kill(rank: int) -> None:
    os.kill(ranks()[rank], signal.SIGKILL)


def update() -> dict[str, Any]:
    """In one process of two: what is held after an update with recomputed activations, and how far gradients are
    from those of the whole model."""
    import torch

    from genprm.training.sharding import join, sharded, share_of

    join(2)
    whole, model = tiny_llama(), tiny_llama()
    try:
        share_of(model)
        refused = ""
    except RuntimeError as error:
        refused = str(error)
    sharded(model, TWO)
    model.gradient_checkpointing_enable()
    optimizer = torch.optim.AdamW(model.parameters())
    ids = torch.arange(20)[None]
    for one in (whole, model):
        one.train()(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()
    parameters: list[Any] = list(model.parameters())
    gradients = [one.grad for one in parameters]
    moments = [state["exp_avg"] for state in optimizer.state.values()]
    off = [(a.full_tensor() - b.grad).abs().max() for a, b in zip(gradients, whole.parameters(), strict=True)]
    return {
        "refused": refused,
        "off": float(max(off)),
        "held": [sum(one.to_local().numel() for one in kind) for kind in (parameters, gradients, moments)],
    }


def tiny_llama() -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=64,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
        )
    )


@pytest.mark.slow
def test_each_process_holds_half_of_everything() -> None:
    found = in_two_processes(update)
    whole = sum(one.numel() for one in tiny_llama().parameters())
    for rank, process in found.items():
        assert process["held"] == [whole // 2] * 3, "parameters, gradients, moments"
        assert process["off"] < 1e-6
        assert process["refused"].startswith(
            f"the model is not sharded: process {rank} holds {whole} of {whole} parameters"
        )


def test_how_many_processes_is_no_part_of_what_a_checkpoint_is_made_from() -> None:
    from assets.parameters import parameter_versions
    from assets.partitions import Pipeline
    from genprm.profiles import load_profile

    one, two = (
        {key: version.fingerprint for key, version in parameter_versions(Pipeline(profile))["training"].items()}
        for profile in (load_profile("paper-7b", []), load_profile("paper-7b", ["training.processes=8"]))
    )
    assert one == two
    assert "processes" not in ONE.model_dump()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"processes": 3}, r"batch_size 64 must be a multiple of device_batch_size 1 x processes 3"),
        ({"processes": 2, "rl": ReinforcementSettings()}, "processes is 2, allowed with rl: 1"),
        (
            {"processes": 2, "lora": LoraSettings(quantized=True)},
            "lora.quantized is true, allowed with processes 1",
        ),
    ],
)
def test_what_cannot_be_spread_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TrainingSettings(**changes)


def test_a_training_that_nobody_started_together_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from genprm.training.sharding import join

    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with pytest.raises(RuntimeError, match=r"training\.processes is 2, but 1 were started together"):
        join(2)


@pytest.mark.parametrize("count", [1, 7, 8])
def test_blank_rows_fill_the_last_turn_alone(count: int) -> None:
    from genprm.training.order import EpochOrder

    one, four = EpochOrder([5] * count, 2, 0), EpochOrder([5] * count, 2, 0, turn=8)
    assert [index for index in four if index < count] == list(one)
    assert len(list(four)) == len(four) == 8
