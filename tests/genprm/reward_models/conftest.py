"""Checkpoints of published reward models in miniature: random weights, in the layout of their hub directories."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from genprm.reward_models.base import Asking, RewardModel
from genprm.reward_models.machine import OwnMachine
from genprm.reward_models.registry import find_adapter
from genprm.settings import EngineSettings, SandboxSettings

PROBLEM = "Sam has 3 keys and buys 4 more. How many keys has Sam?"
STEPS = ["Sam buys 4 keys.", "3 + 4 = 8 keys, so Sam has 8.", "The answer is \\boxed{8}."]
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA3 = (
    "<|begin_of_text|>{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
    "{{ m.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)


def open_model(model: str, settings: EngineSettings, votes: int = 1, *changes: str) -> RewardModel:
    """A reward model by the adapter that its name or its files pick."""
    asking = Asking(votes, changes=changes)
    return find_adapter(model).adapter.open(model, OwnMachine(settings, SandboxSettings()), asking)


@dataclass(frozen=True)
class Checkpoint:
    """A directory as on the hub, network and head tensors that were written there, tokenizer as it is read back."""

    directory: Path
    network: Any
    head: dict[str, Any]
    tokenizer: Any

    @property
    def path(self) -> str:
        return str(self.directory)

    def states(self, ids: list[int]) -> Any:
        """The hidden state (float64) at each of `ids`, fed to the network one token at a time."""
        import torch

        cache, states = None, []
        with torch.no_grad():
            for token in ids:
                out = self.network.base_model(torch.tensor([[token]]), past_key_values=cache, use_cache=True)
                cache = out.past_key_values
                states.append(out.last_hidden_state[0, 0].double())
        return torch.stack(states)

    def state(self, ids: list[int]) -> Any:
        """The hidden state at the last of `ids`."""
        return self.states(ids)[-1]

    def log_probabilities(self, ids: list[int]) -> list[float]:
        """log P of each token but the first, from the logits over the whole vocabulary."""
        import torch

        logits = self.states(ids[:-1]) @ self.network.lm_head.weight.detach().double().T
        return torch.log_softmax(logits, dim=-1)[range(len(ids) - 1), ids[1:]].tolist()


def byte_tokenizer(special: list[str], words: Sequence[str] = (), **options: Any) -> Any:
    """Byte-level BPE with a few merges, as Qwen and Llama 3 have it; newlines merge with the sign before them.

    Each of `words` is one token wherever it stands.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    parts = Regex(r" ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(parts, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([PROBLEM, *STEPS, "Step 1:.\n\nuser\nassistant\n"] * 4, trainer)
    tokenizer.add_tokens([AddedToken(word, normalized=False) for word in words])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **options)


def word_piece_tokenizer() -> Any:
    """As Llama 2 and Mistral have it: spaces are part of words, BOS, newlines and the rest as bytes."""
    from tokenizers import Tokenizer, decoders, models, normalizers, processors
    from transformers import PreTrainedTokenizerFast

    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁ки", "▁+", "▁-", "▁", "к", "и"]
    signs = sorted(set(PROBLEM + "".join(STEPS) + "Step 123:+-") - {" ", "\n"})
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys([*pieces, "▁к", *signs]))}
    merges = [("▁", "к"), ("▁к", "и"), ("▁", "+"), ("▁", "-")]
    core = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    core.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    core.decoder = decoders.ByteFallback()
    core.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>", model_max_length=4096
    )


def small_network(kind: str, vocabulary: int, seed: int = 0) -> Any:
    """A causal language model of two layers; weights large enough that no two positions agree."""
    import torch
    import transformers

    config = getattr(transformers, f"{kind}Config")(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=2,
        pad_token_id=None,
    )
    torch.manual_seed(seed)
    network = getattr(transformers, f"{kind}ForCausalLM")(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.mul_(8.0)
    return network


def make_say(network: Any, spoken: Sequence[int]) -> None:
    """Let the language head find only these tokens probable: the first number of every state is kept large, and it
    speaks for them and against all others."""
    import torch

    with torch.no_grad():
        network.model.embed_tokens.weight[:, 0] = 20.0
        network.lm_head.weight[:, 0] = -10.0
        network.lm_head.weight[list(spoken), 0] = 10.0


def write_checkpoint(
    folder: Path,
    tokenizer: Any,
    kind: str,
    head: dict[str, tuple[int, ...]] | None = None,
    config: dict[str, Any] | None = None,
    seed: int = 0,
    shards: int = 1,
    spoken: Sequence[int] = (),
) -> Checkpoint:
    """Body, head and tokenizer as files. With `head` (names and shapes) the language head is left out.

    With `spoken` these are the only tokens that the language head ever finds probable.
    """
    import torch
    from safetensors.torch import save_file
    from transformers import AutoTokenizer

    network = small_network(kind, len(tokenizer), seed)
    if spoken:
        make_say(network, spoken)
    generator = torch.Generator().manual_seed(seed + 1)
    tensors = {name: torch.randn(shape, generator=generator) for name, shape in (head or {}).items()}
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder)
    network.config.save_pretrained(folder)
    values = json.loads((folder / "config.json").read_text()) | (config or {})
    (folder / "config.json").write_text(json.dumps(values))
    tokenizer = AutoTokenizer.from_pretrained(folder)  # which tokenizer it is depends on the configuration
    stored = {name: value.contiguous() for name, value in network.state_dict().items()}
    if head:
        del stored["lm_head.weight"]
        stored |= tensors
    if shards == 1:
        save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
        return Checkpoint(folder, network, tensors, tokenizer)
    places = {name: f"model-0000{1 + i % shards}-of-0000{shards}.safetensors" for i, name in enumerate(stored)}
    for place in set(places.values()):
        part = {name: stored[name] for name, where in places.items() if where == place}
        save_file(part, folder / place, metadata={"format": "pt"})
    index = {"metadata": {"total_size": 0}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return Checkpoint(folder, network, tensors, tokenizer)


QWEN_SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
QWEN_HEAD = {"score.0.weight": (32, 32), "score.0.bias": (32,), "score.2.weight": (2, 32), "score.2.bias": (2,)}
QWEN_CONFIG = {
    "architectures": ["Qwen2ForProcessRewardModel"],
    "auto_map": {
        "AutoConfig": "configuration_qwen2_rm.Qwen2RMConfig",
        "AutoModel": "modeling_qwen2_rm.Qwen2ForProcessRewardModel",
    },
}


@pytest.fixture(scope="session")
def settings() -> EngineSettings:
    return EngineSettings(backend="transformers", dtype="float32", max_context=512)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A new directory with the last part of a hub id as its name."""
    return lambda name: tmp_path_factory.mktemp("hub") / name


@pytest.fixture(scope="session")
def qwen_prm(folder: Callable[[str], Path]) -> Checkpoint:
    tokenizer = byte_tokenizer(
        [*QWEN_SPECIAL, "<extra_0>"], eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=CHATML
    )
    place = folder("Qwen2.5-Math-PRM-7B")
    return write_checkpoint(place, tokenizer, "Qwen2", QWEN_HEAD, QWEN_CONFIG, shards=2)


@pytest.fixture(scope="session")
def skywork(folder: Callable[[str], Path]) -> Checkpoint:
    tokenizer = byte_tokenizer(QWEN_SPECIAL, bos_token="<|endoftext|>", eos_token="<|im_end|>")
    head = {"v_head.summary.weight": (1, 32), "v_head.summary.bias": (1,)}
    config = {"architectures": ["Qwen2ForPrmModel"]}
    return write_checkpoint(folder("Skywork-o1-Open-PRM-Qwen-2.5-1.5B"), tokenizer, "Qwen2", head, config)


@pytest.fixture(scope="session")
def math_shepherd(folder: Callable[[str], Path]) -> Checkpoint:
    place = folder("math-shepherd-mistral-7b-prm")
    return write_checkpoint(place, word_piece_tokenizer(), "Mistral")


@pytest.fixture(scope="session")
def rlhflow(folder: Callable[[str], Path]) -> Checkpoint:
    special = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    tokenizer = byte_tokenizer(special, bos_token="<|begin_of_text|>", eos_token="<|eot_id|>", chat_template=LLAMA3)
    return write_checkpoint(folder("Llama3.1-8B-PRM-Mistral-Data"), tokenizer, "Llama")


@pytest.fixture(scope="session")
def eurus(folder: Callable[[str], Path]) -> Checkpoint:
    tokenizer = byte_tokenizer(QWEN_SPECIAL, eos_token="<|im_end|>", chat_template=CHATML)
    return write_checkpoint(folder("EurusPRM-Stage2"), tokenizer, "Qwen2", seed=2)


@pytest.fixture(scope="session")
def eurus_reference(folder: Callable[[str], Path]) -> Checkpoint:
    tokenizer = byte_tokenizer(QWEN_SPECIAL, eos_token="<|im_end|>", chat_template=CHATML)
    return write_checkpoint(folder("Qwen2.5-Math-7B-Instruct"), tokenizer, "Qwen2", seed=3)


@pytest.fixture(scope="session")
def universal(folder: Callable[[str], Path]) -> Checkpoint:
    tokenizer = byte_tokenizer(QWEN_SPECIAL, eos_token="<|im_end|>", chat_template=CHATML)
    head = {"score.0.weight": (32, 32), "score.0.bias": (32,), "score.2.weight": (1, 32), "score.2.bias": (1,)}
    return write_checkpoint(folder("Universal-PRM-7B"), tokenizer, "Qwen2", head)


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[Checkpoint], Path]:
    """A copy of a checkpoint, to be spoilt."""
    return lambda checkpoint: Path(shutil.copytree(checkpoint.directory, tmp_path / checkpoint.directory.name))
