"""What a tokenizer or a chat template cannot do is said in one line before any weights are read."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken
from transformers import AutoTokenizer

from genprm.engines import open_engine, resolve_model
from genprm.engines.base import EngineError
from genprm.engines.tokenizer import ModelTokenizer
from genprm.records import Message, TrainingExample
from genprm.settings import EngineSettings
from genprm.training.tokens import IGNORED, encode_conversation
from tests.genprm.engines.conftest import TEMPLATE

SETTINGS = EngineSettings(backend="transformers", dtype="float32", max_context=256)
GEMMA = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
)
SILENT = "{% for m in messages %}{% if m.role != 'system' %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"  # noqa: E501


@pytest.fixture
def place(model: str, tmp_path: Path) -> Path:
    """A copy of a checkpoint without its weights: what is wrong is found before they are looked for."""
    return Path(shutil.copytree(model, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors")))


def with_template(place: Path, template: str | None) -> Path:
    file = place / "chat_template.jinja"
    file.unlink() if template is None else file.write_text(template)
    return place


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (None, "no chat template"),
        ("{% for m in messages %}{{ m.content }", "does not work: .*unexpected"),
        ("{{ messages[0].nobody.content }}", "does not work: .*has no attribute 'nobody'"),
        ("{{ raise_exception('Only tools may speak.') }}", "does not work: Only tools may speak"),
    ],
    ids=["none", "syntax", "name", "refuses"],
)
def test_a_chat_template_that_is_missing_or_broken(place: Path, template: str | None, message: str) -> None:
    with pytest.raises(EngineError, match=message) as raised:
        ModelTokenizer(str(with_template(place, template)), 256)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("template", [GEMMA, SILENT], ids=["refused", "ignored"])
def test_a_template_without_a_system_role_gets_it_in_front_of_the_first_user_turn(
    place: Path, template: str
) -> None:
    """In prompts and in training alike."""
    model = ModelTokenizer(str(with_template(place, template)), 256)
    asked = [Message("system", "Judge."), Message("user", "2 + 2 = 5")]
    begun = "<|im_start|>user\nJudge.\n\n2 + 2 = 5<|im_end|>\n"
    assert model.render(asked) == begun
    assert model.render(asked, prefill="No") == begun + "<|im_start|>assistant\nNo"

    tokenizer = AutoTokenizer.from_pretrained(place)
    row = encode_conversation(tokenizer, TrainingExample("a", [*asked, Message("assistant", "No.")]), False)
    assert tokenizer.decode(row.input_ids) == begun + "<|im_start|>assistant\nNo.<|im_end|>\n"
    assert tokenizer.decode([label for label in row.labels if label != IGNORED]) == "No.<|im_end|>"


def test_a_tokenizer_that_loses_spaces(place: Path) -> None:
    """As some do under the class that transformers finds for them where a configuration says nothing better."""
    (place / "config.json").write_text(json.dumps({"model_type": "llama", "vocab_size": 400}))
    content = json.loads((place / "tokenizer.json").read_text())
    content["normalizer"] = {"type": "Replace", "pattern": {"String": " "}, "content": ""}
    (place / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(EngineError, match=r"does not give text back as it was: 'Step 1: .* became 'Step1:"):
        ModelTokenizer(str(place), 256)


def added(place: Path, token: str) -> Path:
    tokenizer: Any = AutoTokenizer.from_pretrained(place)
    tokenizer.add_tokens([AddedToken(token, normalized=False)])
    tokenizer.save_pretrained(place)
    return place


def test_a_token_that_the_embedding_does_not_have(place: Path) -> None:
    """A template that writes it is refused at once, a text that holds it when it comes; unused it harms nobody."""
    model = ModelTokenizer(str(added(place, "<|new|>")), 256)
    assert model.prompt("Sam") == ModelTokenizer(str(place), 256).prompt("Sam")
    with pytest.raises(EngineError, match=r"a token '<\|new\|>' with id \d+, its embedding only ids below \d+"):
        model.prompt("Sam <|new|>")
    with_template(place, "<|new|>" + TEMPLATE)
    with pytest.raises(EngineError, match=r"a token '<\|new\|>' with id"):
        ModelTokenizer(str(place), 256)


def test_a_padded_embedding_is_fine(place: Path) -> None:
    config = json.loads((place / "config.json").read_text())
    before = ModelTokenizer(str(place), 256).size
    (place / "config.json").write_text(json.dumps(config | {"vocab_size": config["vocab_size"] + 64}))
    assert ModelTokenizer(str(place), 256).size == before


def test_a_token_that_merges_the_brace_and_the_word_is_said(place: Path) -> None:
    with pytest.warns(UserWarning, match="does not part Yes and No from the brace"):
        ModelTokenizer(str(added(place, "{Yes")), 256)


def test_shipped_models_have_nothing_to_be_said_about(make_model: Callable[..., str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for name in ("base", "policy", "rationale"):
            ModelTokenizer(resolve_model(f"miniature/{name}"), 1024)


def test_an_engine_finds_it_before_it_looks_at_weights(place: Path) -> None:
    with_template(place, "{% for %}")
    (place / "model.safetensors").write_bytes(b"")
    with pytest.raises(EngineError, match="chat template does not work"):
        open_engine(str(place), SETTINGS)
