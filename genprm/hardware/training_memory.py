"""What a training process needs of its device: the sum of what has to be there at the worst of four moments.

It is computed from the sizes of the model and the settings, with no number fitted to a measurement;
`tests/genprm/hardware/test_training_memory.py` compares it with the peak of real training.
"""

from __future__ import annotations

from dataclasses import dataclass

from genprm.hardware.memory import FLOAT, HALF, Memory
from genprm.hardware.shapes import ModelShape
from genprm.settings import TrainingSettings

RECOMPUTED_FROM = 5e11
"""Where parameters times tokens in a device's batch reach this, activations are recomputed; see `recomputes`."""
_MOMENT = {"adamw": FLOAT, "adamw-8bit": 1 + FLOAT / 256}
"""Bytes of one of the two moments, for each parameter; those in 8 bits with a scale for each block."""
_NF4 = 0.5 + 1 / 64 + FLOAT / (64 * 256)
"""Bytes of a weight in 4 bits: a scale in 8 bits for each block of 64, and one in float32 for 256 of these."""
_TILE_TOKENS, _TILE_WORDS = 4096, 32768
"""TRL's loss computes logits in tiles of this many tokens and this many entries of the vocabulary."""
_FORWARD_TILES, _BACKWARD_TILES = 3.0, 7.25
"""Further tiles, in float32, that TRL's loss holds where there is no Triton, as on a CPU."""


def recomputes(parameters: int, settings: TrainingSettings) -> bool:
    """Whether activations are recomputed in the backward pass, by the longest batch that the settings allow.

    Recomputing saves memory and costs a third more computing. Below the limit, keeping activations takes a few GiB:
    those of SmolLM2-135M take 1 MB a token (bf16, on a GPU).
    """
    return parameters * settings.device_batch_size * settings.max_length >= RECOMPUTED_FROM


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model is trained. `shards` processes share weights, gradients and optimizer states (FSDP2), and
    each has its own rows. On a CPU, attention keeps its scores, and gloo, which connects shards, makes copies."""

    shards: int = 1
    is_gpu: bool = True


def training_memory(
    shape: ModelShape, settings: TrainingSettings, place: Place, generative: bool = True, tokens: int | None = None
) -> Memory:
    """The peak memory of one process.

    Args:
        generative: whether its head predicts tokens; that of a discriminative model gives two numbers.
        tokens: of the longest row; `training.max_length` unless given.
    """
    return _Training(shape, settings, place, generative, tokens or settings.max_length).peak()


class _Training:
    def __init__(
        self, shape: ModelShape, settings: TrainingSettings, place: Place, generative: bool, length: int
    ) -> None:
        self._shape = shape
        self._settings = settings
        self._place = place
        self._generative = generative
        self._tokens = settings.device_batch_size * length
        self._one_row = settings.padding_free and generative
        self._row = self._tokens if self._one_row else length
        self._number = HALF if settings.precision == "bf16" else FLOAT
        self._trained = shape.parameters if settings.lora is None else shape.adapter(settings.lora)
        self._frozen = 0 if settings.lora is None else shape.parameters
        # A sharded model is held in one format, that of the weights that are trained.
        self._held = self._number if self._frozen and place.shards == 1 else FLOAT
        self._table = 0 if settings.lora is not None else FLOAT * shape.embedding
        """Bytes of the gradient of the embeddings; that of the head is as large."""

    def peak(self) -> Memory:
        static = {
            "weights": (self._frozen_weights() + FLOAT * self._trained) / self._place.shards + self._gathered(),
            "optimizer": 2 * _MOMENT[self._settings.optimizer] * self._trained / self._place.shards,
            "mask": self._mask(),
        }
        moments = (self._forward_end(), self._loss(), self._first_block(), self._embedding())
        return Memory(static) + max(moments, key=lambda moment: moment.bytes)

    def _frozen_weights(self) -> float:
        """Bytes of the weights that are not trained; in 4 bits, one matrix at a time is expanded for computing."""
        if not self._settings.in_4_bits:
            return float(self._frozen * self._held)
        sizes = [inputs * outputs for _, inputs, outputs in self._shape.linear]
        rest = self._frozen - sum(sizes)
        return _NF4 * sum(sizes) + (rest + max(sizes)) * self._number

    def _mask(self) -> float:
        """The attention mask of a row that several conversations share: once as booleans, and as the fused kernel
        reads it, padded."""
        return float((1 + 2 * HALF) * self._tokens * self._row) if self._one_row and self._place.is_gpu else 0.0

    def _gathered(self) -> float:
        """What a process of a sharded training holds whole for a while: two blocks in the format that is computed
        in, and the gradient of one; embeddings and head as they are held, from the forward to the backward pass."""
        if self._place.shards == 1:
            return 0.0
        shape = self._shape
        ends = shape.embedding * (1 if shape.tied or not self._generative else 2)
        gradient = (FLOAT + self._number) * shape.block if self._settings.lora is None else 0
        return 2 * self._number * shape.block + FLOAT * ends + gradient

    def _gradients(self, when_alone: float) -> float:
        """Gradients that are there already: all of them where an update has several batches, else `when_alone`."""
        accumulates = self._settings.batch_size > self._settings.device_batch_size * self._place.shards
        return FLOAT * self._trained / self._place.shards if accumulates else when_alone

    def _forward_end(self) -> Memory:
        """The moment of the loss, while autocast still holds its copies of the weights."""
        parts = {"gradients": self._gradients(0), "weights": self._copies(), "activations": self._kept()}
        return Memory({**parts, "logits": self._tile(_FORWARD_TILES)})

    def _copies(self) -> float:
        """Autocast's copies of the weights in bfloat16."""
        alone = self._settings.lora is None and self._place.shards == 1
        return float(self._number * self._trained) if alone and self._number < FLOAT else 0.0

    def _waiting_copies(self) -> float:
        """Autocast's copies that are kept for the backward pass; recomputed blocks make new ones instead."""
        return 0.0 if self._recomputed else self._copies()

    def _loss(self) -> Memory:
        """The backward pass of the loss: gradients of the head and of what came into it, in float32."""
        head = self._table if self._generative else 0
        into = FLOAT * self._tokens * self._shape.hidden
        parts = {"gradients": self._gradients(0) + head, "activations": self._kept() + into}
        parts["weights"] = self._waiting_copies()
        return Memory({**parts, "logits": self._tile(_BACKWARD_TILES)})

    def _first_block(self) -> Memory:
        """The start of the backward pass: the last block is recomputed, or uses what it kept."""
        held = self._table if self._generative else 0
        gradients = self._gradients(held) + (held if self._table_waits else 0)
        block = self._block() if self._recomputed else 0
        activations = self._kept() + block + self._backward()
        return Memory({"gradients": gradients, "activations": activations, "weights": self._waiting_copies()})

    def _embedding(self) -> Memory:
        """The end of the backward pass, with all gradients; the head's may wait beside that of the embeddings."""
        waiting = self._table if self._table_waits and self._generative else 0
        everything = FLOAT * self._trained / self._place.shards
        held = self._gradients(everything - waiting / self._place.shards)
        summed = self._table if self._place.shards > 1 and not self._place.is_gpu else 0  # gloo's copy
        return Memory({"gradients": held + waiting + self._table + summed, "activations": self._backward()})

    @property
    def _table_waits(self) -> bool:
        """Whether the gradient of the head is added up only with that of the embeddings: they are one table, or
        shards of one group."""
        return self._shape.tied or self._place.shards > 1

    @property
    def _recomputed(self) -> bool:
        return recomputes(self._shape.parameters, self._settings)

    def _kept(self) -> float:
        """What the forward pass keeps: the input of each block, and all that each block keeps unless recomputed."""
        into = self._tokens * self._shape.hidden * self._held
        return float(self._shape.layers * (into if self._recomputed else into + self._block()))

    def _block(self) -> float:
        """What one block keeps for its backward pass.

        Of the model's width: two normalised inputs in float32, what the matrices read of them (a copy in bf16 for
        each of the five), and a residual. Queries, keys, values and the output of attention, which is there once
        more for the matrix behind it. Four tensors of the MLP's width.
        """
        shape, number = self._shape, self._number
        hidden = shape.hidden * (3 * FLOAT + (5 * HALF if number == HALF else 2 * FLOAT))
        queries, keys = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
        # Without a fused kernel keys and values are repeated for each head.
        attended = 3 * queries + 2 * (keys if self._place.is_gpu else queries)
        return self._tokens * (hidden + number * (attended + 4 * shape.intermediate)) + self._scores()

    def _scores(self) -> float:
        """Attention weights of one block, in float32 and in the format that is computed in."""
        if self._place.is_gpu:
            return 0.0
        size = FLOAT + (HALF if self._number == HALF else 0)
        return float(self._tokens * self._row * self._shape.heads * size)

    def _backward(self) -> float:
        """Gradients within one block: three of the MLP's width, or two of the attention scores."""
        mlp = 3 * self._number * self._tokens * self._shape.intermediate
        scores = 0 if self._place.is_gpu else 2 * FLOAT * self._tokens * self._row * self._shape.heads
        return float(max(mlp, scores))

    def _tile(self, beside: float) -> float:
        if not self._generative:
            return 0.0
        rows = min(self._tokens, _TILE_TOKENS)
        extra = 0 if self._place.is_gpu else beside * FLOAT * min(_TILE_WORDS, self._shape.vocabulary)
        return rows * (_TILE_WORDS * self._number + extra)
