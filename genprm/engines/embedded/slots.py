"""Keys and values of the sequences being decoded: one slot a sequence, tokens from column 0 on, any lengths.

Each row writes at its own column, so rows that come and go need no padding and no shifting: joining the batch is a
prefill into a free slot, leaving it is one move, and nothing is copied from step to step. The attention function is
registered with transformers (as serving engines do) and gets its `Extension` through the model's keyword arguments.
Why this is not transformers' own continuous batching is said in docs/engines.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from genprm.engines.base import EngineError
from genprm.hardware.inference_memory import padded, slot_width

ATTENTION = "genprm_slots"
"""Name under which the attention function is registered."""


class Slots:
    """Key and value buffers, per layer of shape (slots, key-value heads, width, head size).

    `columns` of the width are in use: as many as the longest sequence has, since that many are read of every slot.
    Buffers grow by half, so that sequences which grow a token a step seldom have them copied, and hold `most`
    sequences of `context` tokens at most.
    """

    def __init__(self, most: int, context: int, room: int | None = None) -> None:
        self.keys: dict[int, torch.Tensor] = {}
        self.values: dict[int, torch.Tensor] = {}
        self.columns = 0
        self._most = most
        self._context = context
        self._room = room
        self._width = 0
        self._slots = 0

    def fit(self, slots: int, columns: int) -> None:
        """Make room for `slots` sequences of `columns` tokens; buffers four times as wide as that are narrowed."""
        self.look_at(columns)
        if slots <= self._slots and self.columns <= self._width <= 4 * self.columns:
            return
        ready = self._slots if slots <= self._slots else max(slots, min(2 * self._slots, self._most))
        width = slot_width(columns, self._context)
        if self._room is not None and ready * width > self._room:
            ready, width = slots, max(self.columns, min(width, self._room // slots))
        self._slots, self._width = ready, width
        for buffers in (self.keys, self.values):
            for layer, buffer in buffers.items():
                buffers[layer] = self._resize(buffer)

    def look_at(self, columns: int) -> None:
        """Let attention read the first `columns` tokens of each slot; the buffers have to be that wide already."""
        self.columns = padded(columns)

    def _resize(self, buffer: torch.Tensor) -> torch.Tensor:
        slots, heads, width, size = buffer.shape
        resized = buffer.new_zeros(self._slots, heads, self._width, size)
        rows, kept = min(slots, self._slots), min(width, self._width)
        resized[:rows, :, :kept] = buffer[:rows, :, :kept]
        return resized

    def write(self, layer: int, extension: Extension, key: torch.Tensor, value: torch.Tensor) -> None:
        """Store new keys and values, each (rows, key-value heads, new tokens, head size)."""
        for buffers, new in ((self.keys, key), (self.values, value)):
            buffer = buffers.get(layer)
            if buffer is None:
                buffer = buffers[layer] = new.new_zeros(self._slots, new.shape[1], self._width, new.shape[3])
            first, rows = extension.first, extension.rows
            if extension.fresh:
                buffer[first : first + rows, :, : new.shape[2]] = new
            else:
                buffer[extension.slots[:, None], :, extension.columns] = new.transpose(1, 2)

    def take(self, slot: int, start: int, end: int) -> torch.Tensor:
        """A copy of everything kept for tokens `start` to `end` of a slot, (tokens, width over all layers)."""
        parts = [buffer[slot, :, start:end].transpose(0, 1).flatten(1) for buffer in self._all()]
        return torch.cat(parts, dim=1)

    def put(self, slot: int, state: torch.Tensor) -> None:
        """Write into a slot what `take` returned for tokens 0, 1, 2, ..."""
        at = 0
        for buffer in self._all():
            _, heads, _, size = buffer.shape
            part = state[:, at : at + heads * size].unflatten(1, (heads, size))
            buffer[slot, :, : len(state)] = part.transpose(0, 1)
            at += heads * size

    def _all(self) -> list[torch.Tensor]:
        return [*self.keys.values(), *self.values.values()]

    def copy(self, source: int | list[int], targets: list[int], length: int) -> None:
        """Copy the first `length` tokens of slot `source` to the slots `targets`, or of each of several sources to
        the target at the same place."""
        for buffer in self._all():
            buffer[targets, :, :length] = buffer[source, :, :length]


@dataclass
class Extension:
    """New tokens for slots `first`, `first` + 1, ...: row i adds `tokens` tokens from column `starts[i]` on.

    Rows shorter than `tokens` are padded on the right; what padding writes lies beyond the row's length and is
    overwritten before it is ever visible. `fresh` says that every start is 0.
    """

    store: Slots
    first: int
    starts: torch.Tensor
    tokens: int
    fresh: bool = False
    _masks: dict[int | None, torch.Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        device = self.starts.device
        self.rows = len(self.starts)
        self.slots = torch.arange(self.first, self.first + self.rows, device=device)
        offsets = torch.arange(self.tokens, device=device)
        self.columns = self.starts[:, None] + offsets
        """Column (and position) of every new token, (rows, tokens)."""

    def mask(self, window: int | None, dtype: torch.dtype) -> torch.Tensor:
        """Additive mask (rows, 1, tokens, columns): a token sees itself and what came before, within `window`."""
        mask = self._masks.get(window)
        if mask is None:
            seen = torch.arange(self.store.columns, device=self.starts.device)
            visible = seen <= self.columns[:, :, None]
            if window is not None:
                visible &= seen > self.columns[:, :, None] - window
            mask = torch.zeros(visible.shape, dtype=dtype, device=visible.device)
            mask = mask.masked_fill_(~visible, torch.finfo(dtype).min)[:, None]
            self._masks[window] = mask
        return mask

    def read(self, buffer: torch.Tensor) -> torch.Tensor:
        """The keys or values of these rows, (rows, key-value heads, columns, head size)."""
        return buffer[self.first : self.first + self.rows, :, : self.store.columns]


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """An attention function for transformers' `AttentionInterface`; `options` are its own, and the `extension`."""
    extension: Extension = options["extension"]
    scaling: float | None = options.get("scaling")
    sliding_window: int | None = options.get("sliding_window")
    unknown = [name for name in ("softcap", "s_aux", "position_bias") if options.get(name) is not None]
    if unknown:
        raise EngineError(
            f"backend transformers: this model's attention needs {', '.join(unknown)}; use backend vllm"
        )
    layer = module.layer_idx
    assert isinstance(layer, int)
    extension.store.write(layer, extension, key, value)
    rows, heads, tokens, size = query.shape
    groups = heads // key.shape[1]
    if extension.fresh and (sliding_window is None or tokens <= sliding_window):
        result = scaled_dot_product_attention(
            query, key, value, is_causal=True, scale=scaling, enable_gqa=groups > 1
        )
        return result.transpose(1, 2).contiguous(), None
    keys = extension.read(extension.store.keys[layer])
    values = extension.read(extension.store.values[layer])
    mask = extension.mask(sliding_window, query.dtype)
    if tokens == 1:
        # One new token: the query heads that share a key-value head stand in for the token dimension.
        grouped = query.view(rows, key.shape[1], groups, size)
        result = scaled_dot_product_attention(grouped, keys, values, attn_mask=mask, scale=scaling)
        return result.reshape(rows, 1, heads, size), None
    if groups > 1:
        keys, values = keys.repeat_interleave(groups, 1), values.repeat_interleave(groups, 1)
    result = scaled_dot_product_attention(query, keys, values, attn_mask=mask, scale=scaling)
    return result.transpose(1, 2).contiguous(), None


AttentionInterface.register(ATTENTION, _attend)
