"""Models in directories: a random one of a few thousand parameters with a real tokenizer, and a real one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from genprm.engines.base import Engine
from tests.genprm.engines.backends import Dtype, EngineOf, opened
from tests.genprm.engines.subjects import write_smollm2

TEXT = [
    "Step 1: Sam has 5 keys. Step 2: Sam gives Tom 3 keys, 5 - 3 = 2 keys.\n\nThe answer is \\boxed{2}.",
    "<verify>```python\nexpected = 9 + 5\nprint(expected, expected == 16)\n```\n[Code Output] 14 False\n</verify>",
    "user assistant system judge each step by itself: Yes or No; naïve café, 数学 and 🙂 too.",
]

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_tokenizer(folder: Path, vocabulary: int = 320) -> int:
    """Byte-level BPE with end and turn tokens and two added tags that are not special; returns its size."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT * 4, trainer)
    tokenizer.add_tokens([AddedToken(tag, normalized=False) for tag in ("<analyze>", "</analyze>")])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    return len(fast)


def write_model(folder: Path, seed: int = 0, kv_heads: int = 2, **options: object) -> str:
    """A Qwen2 of 2 layers whose weights are large enough for peaked, varied predictions."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    size = write_tokenizer(folder)
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=size,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=kv_heads,
        max_position_embeddings=512,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=2,
        pad_token_id=0,
        **options,
    )
    model = Qwen2ForCausalLM(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(10.0)
    model.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Writes a model (see `write_model`) to a new directory and gives its path."""

    def make(**options: object) -> str:
        return write_model(tmp_path_factory.mktemp("model"), **options)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def model(make_model: Callable[..., str]) -> str:
    """The model that most tests share."""
    return make_model()


@pytest.fixture(scope="session")
def smollm2_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A real language model in a directory; where its package is not installed, the test is skipped."""
    return write_smollm2(tmp_path_factory.mktemp("smollm2"))


@pytest.fixture(scope="session")
def engine_of() -> Iterator[EngineOf]:
    kept: dict[tuple[str, str, str], Engine] = {}
    with contextlib.ExitStack() as stack:

        def engine(backend: str, model: str, dtype: Dtype = "float32") -> Engine:
            asked = (backend, model, dtype)
            if asked not in kept:
                kept[asked] = stack.enter_context(opened(*asked))
            return kept[asked]

        yield engine
