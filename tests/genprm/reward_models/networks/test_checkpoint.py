"""What is wrong with a checkpoint directory is said in one line that names the file or the tensor."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from genprm.engines.base import EngineError
from genprm.engines.loading import load_tokenizer
from genprm.reward_models.networks.checkpoint import load_body, read_tensors
from genprm.reward_models.qwen_prm import load_qwen
from genprm.reward_models.rlhflow import load_rlhflow
from genprm.reward_models.skywork import load_skywork
from genprm.settings import EngineSettings


def without_tensors(place: Path, prefix: str) -> None:
    path = place / "model.safetensors"
    kept = {name: tensor for name, tensor in load_file(path).items() if not name.startswith(prefix)}
    save_file(kept, path, metadata={"format": "pt"})


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda place: (place / "config.json").unlink(), "config.json"),
    "config is not JSON": (lambda place: (place / "config.json").write_text("{"), "config.json"),
    "no tokenizer": (lambda place: (place / "tokenizer.json").unlink(), "tokenizer"),
    "no weights": (lambda place: (place / "model.safetensors").unlink(), "model.safetensors"),
    "weights cut short": (lambda place: cut(place / "model.safetensors"), "cannot be loaded"),
    "no head": (lambda place: without_tensors(place, "v_head."), r"no weights named v_head.summary.\*"),
    "half a head": (lambda place: without_tensors(place, "v_head.summary.bias"), "expected .*'bias'"),
    "half a body": (
        lambda place: without_tensors(place, "model.layers.1."),
        r"12 missing \(layers\.1\.input_layernorm.weight, ",
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_missing_or_wrong_file_gives_one_clear_line(
    name: str, skywork: Any, copied: Any, settings: EngineSettings
) -> None:
    spoil, message = SPOILT[name]
    place = copied(skywork)
    spoil(place)
    with pytest.raises(EngineError, match=message) as raised:
        load_skywork(str(place), settings)
    assert "\n" not in str(raised.value)
    assert str(place) in str(raised.value)


def test_a_missing_shard_is_named(qwen_prm: Any, copied: Any, settings: EngineSettings) -> None:
    place = copied(qwen_prm)
    index = json.loads((place / "model.safetensors.index.json").read_text())
    shard = index["weight_map"]["score.2.weight"]
    (place / shard).unlink()
    with pytest.raises(EngineError, match=shard):
        load_qwen(str(place), settings)
    with pytest.raises(EngineError, match=f"{shard} is missing"):
        read_tensors(str(place), "score.2.")


def test_an_adapter_for_another_architecture_finds_no_head(rlhflow: Any, settings: EngineSettings) -> None:
    with pytest.raises(EngineError, match=r"no weights named score.\*; its head is missing|no token '<extra_0>'"):
        load_qwen(rlhflow.path, settings)


def test_a_reward_model_without_language_head_is_no_causal_model(qwen_prm: Any, settings: EngineSettings) -> None:
    with pytest.raises(EngineError, match=r"1 missing \(lm_head.weight\), 4 unexpected \(score"):
        load_rlhflow(qwen_prm.path, settings)


def test_older_checkpoints_keep_their_weights_in_pickles_which_are_read_without_running_them(
    skywork: Any, copied: Any, settings: EngineSettings
) -> None:
    place = copied(skywork)
    tensors = load_file(place / "model.safetensors")
    (place / "model.safetensors").unlink()
    torch.save(tensors, place / "pytorch_model.bin")
    read = read_tensors(str(place), "v_head.summary.")
    assert torch.equal(read["weight"], skywork.head["v_head.summary.weight"])
    load_body(str(place), settings, "v_head.")

    torch.save({"v_head.summary.weight": print}, place / "pytorch_model.bin")
    with pytest.raises(EngineError, match=r"pytorch_model.bin cannot be read"):
        read_tensors(str(place), "v_head.summary.")


def test_modelling_code_of_a_checkpoint_is_not_run(qwen_prm: Any, copied: Any, settings: EngineSettings) -> None:
    place = copied(qwen_prm)
    for name in ("configuration_qwen2_rm.py", "modeling_qwen2_rm.py"):
        (place / name).write_text("raise SystemExit('this code was run')\n")
    load_qwen(str(place), settings)


def test_a_name_that_is_neither_directory_nor_on_the_hub_is_refused() -> None:
    with pytest.raises(EngineError, match=r"'./nowhere' cannot be loaded"):
        load_tokenizer("./nowhere")
