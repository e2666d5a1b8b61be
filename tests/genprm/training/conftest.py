"""A base model small enough to train in a test: random Qwen2 weights and a byte-level tokenizer of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from genprm.records import TrainingExample
from genprm.settings import TurnFormat
from genprm.verification.conversation import conversation_messages
from tests.genprm.composed_turn import CodeRound, compose_turn
from tests.genprm.reward_models.conftest import folder, settings, skywork

__all__ = ["folder", "settings", "skywork"]

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def small_tokenizer() -> Any:
    """Byte-level BPE with a few merges learnt from the turn format, chat template of the ChatML kind."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    texts = [turn.content for turn in conversation("corpus", steps=3, wrong=2).messages]
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=CHATML
    )


def conversation(name: str, steps: int, wrong: int | None = None) -> TrainingExample:
    """A judged solution of `steps` steps of which the 0-based step `wrong` is judged No."""
    format = TurnFormat(analyze_lead="Let's see {number}: ")
    claims = [f"{name} has {n} + {n} = {2 * n} keys." for n in range(1, steps + 1)]
    turns = []
    for index in range(steps):
        rounds = [CodeRound(f"print({index + 1} + {index + 1})", str(2 * index + 2))]
        verdict = "No" if index == wrong else "Yes"
        turns.append(compose_turn(format, index + 1, f"{index + 1} + {index + 1}", rounds, verdict))
    return TrainingExample(name, conversation_messages(format, f"How many keys has {name}?", claims, turns, "full"))


@pytest.fixture(scope="session")
def base_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with random weights (float32), tokenizer and generation config."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    directory = tmp_path_factory.mktemp("base")
    tokenizer = small_tokenizer()
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    Qwen2ForCausalLM(config).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


@pytest.fixture(scope="session")
def tokenizer(base_model: Path) -> Any:
    """The base model's tokenizer as it is loaded from disk."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base_model)


@pytest.fixture
def example() -> TrainingExample:
    """Two steps, the second judged No."""
    return conversation("Ann", steps=2, wrong=1)


@pytest.fixture(scope="session")
def examples() -> list[TrainingExample]:
    """Conversations of one to three steps."""
    names = ["Ann", "Bob", "Cid", "Dot", "Eve", "Fay", "Gil", "Hal", "Ida", "Jon"]
    return [conversation(name, steps=1 + index % 3, wrong=index % 3) for index, name in enumerate(names)]


@pytest.fixture
def body(skywork: Any, tmp_path: Path) -> Path:
    """The body of a reward model, to be given a new head."""
    import shutil

    from safetensors.torch import load_file, save_file

    place = Path(shutil.copytree(skywork.directory, tmp_path / "body"))
    tensors = load_file(place / "model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith("v_head.")}
    save_file(kept, place / "model.safetensors")
    return place
