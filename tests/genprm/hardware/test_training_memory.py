"""Memory of training, against the peak of real training and against rules of thumb."""

from __future__ import annotations

from pathlib import Path

import pytest

from genprm.hardware.published import published_config
from genprm.hardware.shapes import ModelShape, shape_of
from genprm.hardware.training_memory import Place, recomputes, training_memory
from genprm.settings import LoraSettings, TrainingSettings
from tests.genprm.hardware.training_peak import training_peak
from tests.genprm.training.conftest import small_tokenizer
from tests.genprm.training.two_processes import in_two_processes

LORA = LoraSettings(rank=16, alpha=32)
QUANTIZED = LORA.model_copy(update={"quantized": True})
PAPER = TrainingSettings()


@pytest.fixture(scope="module")
def qwen() -> ModelShape:
    return shape_of(published_config("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"))


def test_all_weights_take_eighteen_bytes_a_parameter_under_bf16(qwen: ModelShape) -> None:
    """Four and two for weights, eight for AdamW, four for gradients: transformers' "Model training anatomy"."""
    parts = training_memory(qwen, PAPER, Place(), tokens=16).parts
    assert parts["weights"] == 6 * qwen.parameters
    assert parts["optimizer"] == 8 * qwen.parameters
    assert parts["gradients"] == 4 * qwen.parameters


def test_all_weights_take_sixteen_bytes_a_parameter_in_float32(qwen: ModelShape) -> None:
    """And the head a new gradient beside those of the batches before."""
    settings = PAPER.model_copy(update={"precision": "fp32"})
    parts = training_memory(qwen, settings, Place(), tokens=16).parts
    assert parts["weights"] + parts["optimizer"] == 12 * qwen.parameters
    assert parts["gradients"] == 4 * (qwen.parameters + qwen.embedding)


def test_shards_share_what_grows_with_the_parameters(qwen: ModelShape) -> None:
    alone, eight = (training_memory(qwen, PAPER, Place(shards)).parts for shards in (1, 8))
    assert eight["optimizer"] == alone["optimizer"] / 8
    assert training_memory(qwen, PAPER, Place(8)).gib < 40


def test_moments_in_eight_bits_take_a_quarter(qwen: ModelShape) -> None:
    """Two bytes a parameter in place of eight, and a float32 for each block of 256 (Dettmers et al. 2022)."""
    parts = training_memory(qwen, PAPER.model_copy(update={"optimizer": "adamw-8bit"}), Place()).parts
    assert parts["optimizer"] == 2 * (qwen.parameters + 4 * qwen.parameters / 256)


def test_an_adapter_leaves_two_bytes_a_parameter(qwen: ModelShape) -> None:
    parts = training_memory(qwen, PAPER.model_copy(update={"lora": LORA}), Place()).parts
    adapter = qwen.adapter(LORA)
    assert parts["weights"] == 2 * qwen.parameters + 4 * adapter
    assert parts["optimizer"] == 2 * parts["gradients"] == 8 * adapter


def test_layers_in_4_bits_take_half_a_byte_a_parameter(qwen: ModelShape) -> None:
    """QLoRA's 4.127 bits (Dettmers et al. 2023, section 3); embeddings and head stay in bfloat16."""
    parts = training_memory(qwen, PAPER.model_copy(update={"lora": QUANTIZED}), Place()).parts
    matrices = qwen.parameters - 2 * qwen.embedding
    whole, one = 2 * 2 * qwen.embedding + 4 * qwen.adapter(LORA), 2 * qwen.hidden * qwen.intermediate
    assert parts["weights"] == pytest.approx(4.127 / 8 * matrices + whole + one, rel=1e-3)


def test_a_row_that_conversations_share_wants_a_mask_of_its_length_squared(qwen: ModelShape) -> None:
    settings = PAPER.model_copy(update={"device_batch_size": 4, "padding_free": True})
    parts = training_memory(qwen, settings, Place(), tokens=2048).parts
    assert parts["mask"] == (1 + 2 + 2) * (4 * 2048) ** 2
    assert training_memory(qwen, settings, Place(), generative=False, tokens=2048).parts["mask"] == 0


def test_longer_rows_take_more_memory_and_logits_come_in_tiles(qwen: ModelShape) -> None:
    lengths = [training_memory(qwen, PAPER, Place(), tokens=length).parts for length in (2048, 4096, 8192)]
    assert lengths[0]["activations"] < lengths[1]["activations"] < lengths[2]["activations"]
    assert lengths[1]["logits"] == lengths[2]["logits"] == 4096 * 32768 * 2


def test_activations_are_recomputed_where_they_are_many() -> None:
    """SmolLM2-135M on rows of its recipe, on batches of a GPU, and the smallest of the paper with an adapter."""
    smollm2, smallest = 134_515_008, 1_543_714_304
    rows = PAPER.model_copy(update={"device_batch_size": 1, "max_length": 1536})
    assert not recomputes(smollm2, rows)
    assert recomputes(smollm2, rows.model_copy(update={"device_batch_size": 16}))
    assert recomputes(smallest, PAPER.model_copy(update={"device_batch_size": 1, "lora": LORA}))


@pytest.mark.parametrize("rows", [1, 16])
def test_what_is_recomputed_takes_less_memory(rows: int) -> None:
    """Of a model of 135 million parameters: 1 MB a token where its blocks keep all, a ninth of it else."""
    shape = shape_of(published_config("HuggingFaceTB/SmolLM2-135M-Instruct"))
    settings = PAPER.model_copy(update={"device_batch_size": rows, "max_length": 1536})
    activations = training_memory(shape, settings, Place()).parts["activations"]
    per_token = activations / (rows * 1536)
    assert 0.8e6 < per_token < 1.1e6 if rows == 1 else per_token < 1.2e5


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama with random weights and a tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    directory = tmp_path_factory.mktemp("llama")
    torch.manual_seed(0)
    sizes = {"hidden_size": 128, "intermediate_size": 384, "num_hidden_layers": 4, "vocab_size": 2000}
    config = LlamaConfig(**sizes, num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=False)
    LlamaForCausalLM(config).save_pretrained(directory)
    small_tokenizer().save_pretrained(directory)
    return directory


def measurable(settings: TrainingSettings) -> None:
    """Skip the test where what it trains with is not installed."""
    if settings.in_4_bits:
        pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed (make test-cluster installs it)")
    if settings.optimizer == "adamw-8bit":
        pytest.importorskip("torchao", reason="torchao is not installed (make test-cluster installs it)")


TRAININGS = [
    TrainingSettings(precision="fp32", batch_size=2, device_batch_size=2, max_length=512),
    TrainingSettings(precision="bf16", batch_size=4, max_length=96),
    TrainingSettings(precision="bf16", batch_size=4, max_length=96, optimizer="adamw-8bit"),
    TrainingSettings(precision="fp32", batch_size=4, max_length=96, lora=LORA),
    TrainingSettings(precision="bf16", batch_size=2, device_batch_size=2, max_length=512, lora=LORA),
    TrainingSettings(precision="bf16", batch_size=2, max_length=96, lora=QUANTIZED),
    TrainingSettings(precision="fp32", batch_size=4, device_batch_size=4, max_length=128, padding_free=True),
]

SHARED = [one for one in TRAININGS if one.precision == "bf16" and one.lora is not QUANTIZED]


def named(settings: TrainingSettings) -> str:
    """What a case is called."""
    return " ".join([settings.precision, settings.optimizer, *["4 bits"] * settings.in_4_bits])


@pytest.mark.slow
@pytest.mark.parametrize("settings", TRAININGS, ids=named)
def test_the_peak_of_real_training_is_foretold(llama: Path, tmp_path: Path, settings: TrainingSettings) -> None:
    """On a CPU, where torch tells how much is allocated at any time."""
    from genprm.engines.loading import load_config

    measurable(settings)
    foretold = training_memory(shape_of(load_config(str(llama))), settings, Place(is_gpu=False))
    measured = training_peak(llama, settings, tmp_path / "work", settings.max_length)
    assert foretold.bytes == pytest.approx(measured, rel=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("settings", SHARED, ids=named)
def test_the_peak_of_each_of_two_processes_is_foretold(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: TrainingSettings
) -> None:
    """By the larger of the two."""
    from genprm.engines.loading import load_config

    measurable(settings)
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    shared = settings.model_copy(update={"processes": 2, "batch_size": 2 * settings.batch_size})
    found = in_two_processes(training_peak, llama, shared, tmp_path / "work", shared.max_length)
    foretold = training_memory(shape_of(load_config(str(llama))), shared, Place(2, is_gpu=False))
    assert foretold.bytes == pytest.approx(max(found.values()), rel=0.15)
