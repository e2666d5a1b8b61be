"""The logits after some tokens, computed with nothing else in the batch.

Rounding depends on the shape of a computation, and the shape of a batch on the other rows in it. So a conversation
is read alone, in blocks of one size, one after the other: the results then depend on the conversation alone, and a
conversation that has grown, or was forked, reuses the blocks that were read before.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from genprm.engines.embedded.prefixes import PrefixCache
from genprm.engines.embedded.slots import Extension, Slots

BLOCK = 64
"""Tokens of a block. Smaller blocks take more passes; of a larger one, more is read again until it is full."""


class AloneReader:
    """Reads one conversation of at most `context` tokens at a time with a network; at most `limit` bytes of full
    blocks are kept."""

    def __init__(self, network: Any, context: int, limit: int) -> None:
        self._network = network
        self._device = next(network.parameters()).device
        self._slots = Slots(1, context)
        self.blocks = PrefixCache(limit)
        self.tokens_read = 0
        """Tokens that were computed so far."""

    def logits(self, tokens: Sequence[int]) -> torch.Tensor:
        """The logits of the token that follows `tokens` (at least one), (vocabulary,)."""
        full = (len(tokens) - 1) // BLOCK * BLOCK
        known = self.blocks.find(tokens[:full])
        start = known.length // BLOCK * BLOCK
        self._slots.fit(1, len(tokens))
        if start:
            self._slots.put(0, known.state()[:start])
        for begin in range(start, full, BLOCK):
            self._read(tokens[begin : begin + BLOCK], begin)
        self.blocks.add(tokens[:full], partial(self._slots.take, 0))
        return self._read(tokens[full:], full)

    def _read(self, tokens: Sequence[int], begin: int) -> torch.Tensor:
        self.tokens_read += len(tokens)
        self._slots.look_at(begin + len(tokens))
        ids = torch.tensor([tokens], dtype=torch.int64, device=self._device)
        extension = Extension(self._slots, 0, ids.new_tensor([begin]), len(tokens), fresh=begin == 0)
        output = self._network(
            input_ids=ids,
            position_ids=extension.columns,
            use_cache=False,
            logits_to_keep=1,
            extension=extension,
        )
        last: torch.Tensor = output.logits[0, -1]
        return last
