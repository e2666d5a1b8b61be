"""Weights that are not those of their architecture are refused in one line, whichever way they come in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from genprm.engines import open_engine, resolve_model
from genprm.engines.base import EngineError
from genprm.engines.loading import check_weights
from genprm.records import TrainingExample
from genprm.reward_models.registry import adapters, find_adapter
from genprm.settings import EngineSettings, TrainingSettings
from genprm.training.discriminative_data import LabelledSolution
from genprm.training.job import TrainingJob
from tests.genprm.engines.conftest import write_model
from tests.genprm.reward_models.conftest import open_model
from tests.genprm.training.train_here import train_here

SETTINGS = EngineSettings(backend="transformers", dtype="float32", max_context=256)
Tensors = dict[str, torch.Tensor]


@pytest.fixture
def place(model: str, tmp_path: Path) -> Path:
    """A copy of a sound checkpoint, to be spoilt."""
    return Path(shutil.copytree(model, tmp_path / "model"))


def rewrite(place: Path, change: Callable[[Tensors], Tensors]) -> None:
    tensors = change(load_file(place / "model.safetensors"))
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, place / "model.safetensors")


def without(part: str) -> Callable[[Path], None]:
    return lambda place: rewrite(
        place, lambda tensors: {name: value for name, value in tensors.items() if part not in name}
    )


def renamed(place: Path) -> None:
    """As `torch.save` of a compiled model leaves them."""
    rewrite(place, lambda tensors: {f"_orig_mod.{name}": value for name, value in tensors.items()})


def with_a_head(place: Path) -> None:
    rewrite(place, lambda tensors: {**tensors, "score.weight": torch.zeros(2, 32)})


def narrowed(place: Path) -> None:
    rewrite(place, lambda tensors: {**tensors, "model.norm.weight": torch.zeros(16)})


def cut(place: Path) -> None:
    path = place / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def bert(place: Path) -> None:
    from transformers import BertConfig, BertForMaskedLM

    size = len(json.loads((place / "tokenizer.json").read_text())["model"]["vocab"]) + 2
    config = BertConfig(
        vocab_size=size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    BertForMaskedLM(config).save_pretrained(place)


def classifier(place: Path) -> None:
    from transformers import AutoConfig, Qwen2ForTokenClassification

    Qwen2ForTokenClassification(AutoConfig.from_pretrained(place, num_labels=2)).save_pretrained(place)


def pickled(place: Path) -> None:
    """Weights as a pickle that would leave a mark when it is unpickled without care."""

    class Mark:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (place / "mark",)

    (place / "model.safetensors").unlink()
    torch.save({"model.norm.weight": Mark()}, place / "pytorch_model.bin")


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "no head": (without("lm_head"), r"Qwen2ForCausalLM: 1 missing \(lm_head.weight\)"),
    "no second layer": (without("layers.1."), r"12 missing \(model.layers.1.input_layernorm.weight, .*, \.\.\.\)"),
    "renamed": (renamed, r"27 missing \(lm_head.weight, .*27 unexpected \(_orig_mod.lm_head.weight"),
    "a head too many": (with_a_head, r": 1 unexpected \(score.weight\)"),
    "another shape": (narrowed, r"1 of another shape \(model.norm.weight \(16,\)"),
    "cut short": (cut, "cannot be loaded: .*(incomplete|not fully covered)"),
    "a BERT": (bert, r"masked language model \(bert\)"),
    "a classifier": (classifier, r"1 missing \(lm_head.weight\), 2 unexpected \(score.bias, score.weight\)"),
    "a pickle with code": (pickled, "cannot be loaded"),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_embedded_engine_refuses(name: str, place: Path) -> None:
    spoil, message = WRONG[name]
    spoil(place)
    with pytest.raises(EngineError, match=message) as raised:
        open_engine(str(place), SETTINGS)
    assert str(place) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not (place / "mark").exists()


@pytest.mark.slow
def test_copies_refuse(place: Path) -> None:
    renamed(place)
    with pytest.raises(EngineError, match="27 missing"):
        open_engine(str(place), SETTINGS.model_copy(update={"replicas": 2}))


def test_vllm_refuses_before_it_starts(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here a package of that name is installed that has nothing in it, so that it could not start."""
    for name, text in (("vllm/__init__.py", ""), ("vllm-0.dist-info/METADATA", "Name: vllm\nVersion: 0\n")):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    renamed(place)
    with pytest.raises(EngineError, match="27 missing"):
        open_engine(str(place), SETTINGS.model_copy(update={"backend": "vllm"}))


ADAPTERS = sorted(list(adapter.published)[-1] for adapter in adapters().values() if adapter.published)
ADAPTERS.remove("gebro13/RetrievalPRM")


@pytest.mark.parametrize("name", ADAPTERS)
def test_every_adapter_of_a_published_model_refuses(name: str, place: Path) -> None:
    """A sound checkpoint of another kind, under the name of a published one, and one that is renamed."""
    place = place.rename(place.with_name(name.rpartition("/")[2]))
    classifier(place)
    renamed(place)
    assert name in find_adapter(str(place)).adapter.published
    with pytest.raises(EngineError, match=r"missing|no token|no BOS|no weights named") as raised:
        open_model(str(place), SETTINGS)
    assert "\n" not in str(raised.value)


def test_a_token_classifier_refuses(place: Path) -> None:
    classifier(place)
    without("layers.1.")(place)
    with pytest.raises(EngineError, match=r"12 missing \(layers.1"):
        open_model(str(place), SETTINGS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["generative", "discriminative"])
def test_training_does_not_start_from_a_base_without_a_layer(
    kind: str, place: Path, tmp_path: Path, example: TrainingExample
) -> None:
    from genprm.training import discriminative_trainer, sft

    without("layers.1.")(place)
    settings = TrainingSettings(max_length=512, precision="fp32")
    out = tmp_path / "out"
    solution = LabelledSolution("a", "1 + 1?", ["Step 1: 2"], [1])
    job = TrainingJob(str(place), settings, False, out)
    train: Callable[[], object] = {
        "generative": lambda: train_here(sft.train, [example], job),
        "discriminative": lambda: train_here(discriminative_trainer.train, [solution], job),
    }[kind]
    with pytest.raises(EngineError, match="12 missing") as raised:
        train()
    assert "\n" not in str(raised.value)
    assert not out.exists()


@pytest.fixture
def example() -> TrainingExample:
    from genprm.records import Message

    return TrainingExample("a", [Message("user", "1 + 1?"), Message("assistant", "2")])


def test_tied_weights_and_computed_buffers_are_not_missed(tmp_path: Path) -> None:
    """A tied head is not in the files; numbers that older versions kept for rotary positions still may be."""
    from transformers import AutoModelForCausalLM

    write_model(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": True}))
    old = {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.zeros(4)}
    rewrite(
        tmp_path, lambda tensors: {name: value for name, value in tensors.items() if "lm_head" not in name} | old
    )
    check_weights(AutoModelForCausalLM, str(tmp_path))


def test_pickled_weights_without_code_are_taken(place: Path) -> None:
    from transformers import AutoModelForCausalLM

    tensors = load_file(place / "model.safetensors")
    (place / "model.safetensors").unlink()
    torch.save(tensors, place / "pytorch_model.bin")
    assert resolve_model(str(place)) == str(place)
    check_weights(AutoModelForCausalLM, str(place))


def test_shipped_models_hold_what_their_architecture_says() -> None:
    from transformers import AutoModelForCausalLM

    for name in ("base", "policy", "rationale"):
        check_weights(AutoModelForCausalLM, resolve_model(f"miniature/{name}"))


def test_other_kinds_of_model_files_are_named_for_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(EngineError, match="names no base model"):
        resolve_model(str(tmp_path))
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(EngineError, match="is a file"):
        resolve_model(str(tmp_path / "model.onnx"))


CODE = "from pathlib import Path\nPath(__file__).with_name('mark').touch()\n"
AUTO_MAP = {"AutoConfig": "configuration_own.OwnConfig", "AutoModelForCausalLM": "modeling_own.OwnForCausalLM"}


@pytest.mark.parametrize("known", [True, False])
def test_code_of_a_checkpoint_is_neither_run_nor_asked_about(
    known: bool, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What transformers knows itself is loaded without the code, anything else is refused."""
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("somebody was asked"))
    config = json.loads((place / "config.json").read_text()) | {"auto_map": AUTO_MAP}
    (place / "config.json").write_text(json.dumps(config | ({} if known else {"model_type": "own"})))
    tokenizer = json.loads((place / "tokenizer_config.json").read_text())
    tokenizer["auto_map"] = {"AutoTokenizer": [None, "tokenization_own.OwnTokenizer"]}
    (place / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    for name in ("configuration_own", "modeling_own", "tokenization_own"):
        (place / f"{name}.py").write_text(CODE)
    if known:
        open_engine(str(place), SETTINGS)
    else:
        with pytest.raises(EngineError, match=r"code that comes with it \(auto_map\), which is never run"):
            open_engine(str(place), SETTINGS)
    assert not (place / "mark").exists()
