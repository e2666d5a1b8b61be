"""Adapters: what is trained, what they are merged into, and that an adapter is a model of its own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from genprm.engines import open_engine
from genprm.engines.base import EngineError, Sampling
from genprm.engines.loading import load_network
from genprm.records import TrainingExample
from genprm.settings import EngineSettings, LoraSettings, TrainingSettings
from genprm.training.job import EXAMPLES_FILE, TrainingJob, write_examples

LORA = LoraSettings(rank=4, alpha=12, modules=("q_proj", "down_proj"))
SETTINGS = TrainingSettings(
    epochs=2, learning_rate=2e-2, batch_size=4, device_batch_size=2, max_length=512, precision="fp32", lora=LORA
)


def job(base: Path, out: Path, **changes: Any) -> TrainingJob:
    made = TrainingJob(str(base), SETTINGS.model_copy(update=changes), True, out)
    made.work_dir.mkdir(parents=True)
    return made


@pytest.fixture(scope="module")
def checkpoint(base_model: Path, examples: list[TrainingExample], tmp_path_factory: pytest.TempPathFactory) -> Path:
    from genprm.training import sft

    made = job(base_model, tmp_path_factory.mktemp("lora") / "checkpoint")
    write_examples(examples, made.work_dir / EXAMPLES_FILE)
    sft.train(made)
    return made.out_dir


def tensors(path: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(path))


def test_what_is_merged_is_the_product_of_the_adapter_and_nothing_else(checkpoint: Path, base_model: Path) -> None:
    """W + (alpha / rank) B A on the chosen matrices (Hu et al. 2021, eq. 3); the rest stands as it was."""
    import torch

    before, after = tensors(base_model / "model.safetensors"), tensors(checkpoint / "model.safetensors")
    adapter = tensors(checkpoint / "adapter" / "adapter_model.safetensors")
    assert before.keys() == after.keys()
    chosen = [name for name in before if name.endswith(("q_proj.weight", "down_proj.weight"))]
    assert len(adapter) == 2 * len(chosen)
    for name, weight in before.items():
        if name not in chosen:
            assert torch.equal(after[name], weight), name
            continue
        stem = "base_model.model." + name.removesuffix("weight")
        a, b = adapter[f"{stem}lora_A.weight"].double(), adapter[f"{stem}lora_B.weight"].double()
        assert b.abs().max() > 0
        expected = weight.double() + LORA.alpha / LORA.rank * b @ a
        torch.testing.assert_close(after[name].double(), expected, rtol=0, atol=1e-6)


def need_bitsandbytes() -> None:
    """Skip the test where it is not installed."""
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed (make test-cluster installs it)")


@pytest.mark.slow
def test_weights_in_4_bits_are_trained_on_and_the_model_as_it_came_is_merged_into(
    base_model: Path, tokenizer: Any, examples: list[TrainingExample], tmp_path: Path
) -> None:
    need_bitsandbytes()
    import torch
    from bitsandbytes.nn import Linear4bit

    from genprm.training import sft
    from genprm.training.tokens import encode_conversations

    made = job(base_model, tmp_path / "checkpoint", lora=LORA.model_copy(update={"quantized": True}))
    encoded = encode_conversations(tokenizer, examples, max_length=512, mask_code_output=True)
    trained = sft.build_trainer(made, encoded, tokenizer).model
    assert isinstance(trained.base_model.model.model.layers[0].mlp.down_proj.base_layer, Linear4bit)
    assert {weight.dtype for weight in trained.parameters() if weight.requires_grad} == {torch.float32}

    write_examples(examples, made.work_dir / EXAMPLES_FILE)
    sft.train(made)
    before, after = tensors(base_model / "model.safetensors"), tensors(made.out_dir / "model.safetensors")
    adapter = tensors(made.out_dir / "adapter" / "adapter_model.safetensors")
    changed = 0
    for name, weight in before.items():
        stem = "base_model.model." + name.removesuffix("weight")
        product = 0.0
        if f"{stem}lora_A.weight" in adapter:
            a, b = adapter[f"{stem}lora_A.weight"].double(), adapter[f"{stem}lora_B.weight"].double()
            product = LORA.alpha / LORA.rank * b @ a
            changed += bool(b.abs().max() > 0)
        assert (after[name].double() - weight.double() - product).abs().max() < 1e-6, name
    assert changed == len(adapter) // 2


@pytest.mark.slow
def test_a_new_head_on_weights_in_4_bits_is_whole(body: Path, tmp_path: Path) -> None:
    need_bitsandbytes()
    from genprm.training.discriminative_data import LabelledSolution
    from genprm.training.discriminative_trainer import train

    rows = [LabelledSolution(str(n), "Sam has 3 keys.", ["Sam has keys.", "No."], [1, 0]) for n in range(8)]
    made = job(body, tmp_path / "head", lora=LORA.model_copy(update={"quantized": True}))
    write_examples(rows, made.work_dir / EXAMPLES_FILE)
    train(made)
    before, after = tensors(body / "model.safetensors"), tensors(made.out_dir / "model.safetensors")
    assert {name for name in after if name.startswith("score.")} == set(after) - set(before)
    assert after["score.weight"].shape[0] == 2


async def test_adapter_and_merged_model_give_the_same_rewards(checkpoint: Path) -> None:
    settings = EngineSettings(backend="transformers", dtype="float32")
    asked = Sampling(max_tokens=1, logprobs=20)
    found = []
    for place in (checkpoint, checkpoint / "adapter"):
        engine = open_engine(str(place), settings)
        (completion,) = await engine.complete("Step 1: 2 + 2 = 4\n\nYes or No? ", asked)
        await engine.close()
        found.append(completion.top_logprobs)
    merged, adapter = found
    assert merged[0].keys() == adapter[0].keys()
    assert [adapter[0][token] for token in merged[0]] == pytest.approx(list(merged[0].values()), abs=1e-5)


def test_a_head_is_trained_whole_beside_the_adapter(body: Path, tmp_path: Path) -> None:
    from genprm.training.discriminative_data import LabelledSolution
    from genprm.training.discriminative_trainer import train

    rows = [LabelledSolution(str(n), "Sam has 3 keys.", ["Sam has keys.", "No."], [1, 0]) for n in range(8)]
    made = job(body, tmp_path / "head")
    write_examples(rows, made.work_dir / EXAMPLES_FILE)
    train(made)
    before, after = tensors(body / "model.safetensors"), tensors(made.out_dir / "model.safetensors")
    changed = {name for name, weight in before.items() if name in after and not weight.equal(after[name])}
    assert changed == {name for name in before if name.endswith(("q_proj.weight", "down_proj.weight"))}
    assert {name for name in after if name.startswith("score.")}


@pytest.mark.slow
def test_a_new_head_beside_an_adapter_is_trained_in_float32_also_under_bf16(body: Path, tmp_path: Path) -> None:
    import torch

    from genprm.engines.loading import load_tokenizer
    from genprm.training.discriminative_data import LabelledSolution
    from genprm.training.discriminative_trainer import build_trainer, encode_solutions

    tokenizer = load_tokenizer(str(body))
    encoded = encode_solutions(tokenizer, [LabelledSolution("1", "Sam has 3 keys.", ["No."], [0])] * 4, 512)
    model = build_trainer(job(body, tmp_path / "head", precision="bf16"), encoded, tokenizer).model
    trained = {name: weight.dtype for name, weight in model.named_parameters() if weight.requires_grad}
    assert any("score" in name for name in trained)
    assert set(trained.values()) == {torch.float32}


def test_modules_that_are_not_there_are_named(base_model: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    from genprm.training.lora import with_adapter

    network = load_network(AutoModelForCausalLM, str(base_model))
    with pytest.raises(EngineError, match=r"training\.lora\.modules is \['wq'\]: Target modules"):
        with_adapter(network, LoraSettings(modules=("wq",)), 0)


@pytest.fixture
def adapter(checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint / "adapter", tmp_path / "adapter"))


def load(place: Path) -> None:
    from transformers import AutoModelForCausalLM

    load_network(AutoModelForCausalLM, str(place))


def test_an_adapter_that_names_no_base_is_refused(adapter: Path) -> None:
    (adapter / "adapter_config.json").write_text("{}")
    with pytest.raises(EngineError, match="names no base model"):
        load(adapter)


def test_an_adapter_without_weights_is_refused(adapter: Path) -> None:
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(EngineError, match="the adapter cannot be loaded"):
        load(adapter)


def test_an_adapter_that_lacks_a_matrix_is_refused(adapter: Path) -> None:
    """PEFT would leave it at its random beginning."""
    from safetensors.torch import save_file

    held = tensors(adapter / "adapter_model.safetensors")
    held.pop(min(held))
    save_file(held, adapter / "adapter_model.safetensors", {"format": "pt"})
    with pytest.raises(EngineError, match="not those of its configuration: 1 missing, 0 unexpected"):
        load(adapter)


def test_without_an_adapter_settings_are_written_as_before() -> None:
    assert "lora" not in TrainingSettings().model_dump()
    assert SETTINGS.model_dump(mode="json")["lora"]["rank"] == 4
