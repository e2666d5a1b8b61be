"""How large a model is, from its configuration alone: no weights are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from genprm.settings import LoraSettings


@dataclass(frozen=True, slots=True)
class ModelShape:
    """Sizes of a language model, counted on the architecture that transformers has for it.

    `block` are the parameters of one layer, `embedding` those of the table of input embeddings; a head that
    predicts tokens has as many of its own unless it is `tied` to that table. `linear` are the matrices of the
    layers: name, inputs, outputs.
    """

    parameters: int
    block: int
    embedding: int
    tied: bool
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    linear: tuple[tuple[str, int, int], ...]

    @property
    def kv_numbers(self) -> int:
        """Numbers that are kept for each token of a context: a key and a value per layer and key-value head."""
        return 2 * self.layers * self.kv_heads * self.head_size

    def adapter(self, settings: LoraSettings) -> int:
        """Parameters of a LoRA adapter: of each chosen matrix two thin ones, inputs x rank and rank x outputs."""
        chosen = settings.modules
        return sum(
            settings.rank * (inputs + outputs)
            for name, inputs, outputs in self.linear
            if chosen == ("all-linear",) or name in chosen
        )


def shape_of(config: Any, generative: bool = True) -> ModelShape:
    """The sizes of a model with a configuration of transformers: a causal language model, or the same body with a
    head that classifies tokens."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForTokenClassification

    kind = AutoModelForCausalLM if generative else AutoModelForTokenClassification
    with torch.device("meta"):
        network = kind.from_config(config, dtype=torch.bfloat16)
    text = config.get_text_config()
    blocks = max((m for m in network.modules() if isinstance(m, torch.nn.ModuleList)), key=len)
    table = network.get_input_embeddings().weight
    head = network.get_output_embeddings() if generative else None
    linear = [
        (name.rpartition(".")[2], module.in_features, module.out_features)
        for name, module in blocks.named_modules()
        if isinstance(module, torch.nn.Linear)
    ]
    heads = text.num_attention_heads
    return ModelShape(
        parameters=sum(weight.numel() for weight in network.parameters()),
        block=sum(weight.numel() for weight in blocks[0].parameters()),
        embedding=table.numel(),
        tied=head is not None and head.weight is table,
        layers=len(blocks),
        hidden=text.hidden_size,
        intermediate=getattr(text, "intermediate_size", None) or 4 * text.hidden_size,
        heads=heads,
        kv_heads=getattr(text, "num_key_value_heads", None) or heads,
        head_size=getattr(text, "head_dim", None) or text.hidden_size // heads,
        vocabulary=text.vocab_size,
        linear=tuple(linear),
    )
