"""Logits with more digits than a network in bfloat16 gives, for rows that are asked for log-probabilities.

Such a network rounds each logit to three digits: at 40 the next number is 40.25, and a reward of 0.62 may have been
0.60 or 0.66. The largest logits are computed again from its last hidden state, in float32.
"""

from __future__ import annotations

from typing import Any

import torch

_MARGIN = 32
"""How many logits beyond those asked for are computed again, because rounding may have changed their order."""


class FineLogits:
    """Hooks into the head of a network; a head that is in float32 or quantised stays as it is."""

    def __init__(self, network: Any) -> None:
        self._rows: list[int] = []
        self._largest = 0
        head = network.get_output_embeddings()
        if isinstance(head, torch.nn.Linear) and head.weight.dtype in (torch.bfloat16, torch.float16):
            head.register_forward_hook(self._work_out)

    def ask(self, rows: list[int], largest: int) -> None:
        """In each pass from now on, compute the `largest` largest logits of these rows again."""
        self._rows, self._largest = rows, largest

    def _work_out(self, head: torch.nn.Linear, inputs: tuple[torch.Tensor], logits: torch.Tensor) -> Any:
        if not self._rows:
            return logits
        rows = torch.tensor(self._rows, device=logits.device)
        fine = logits.float()
        count = min(self._largest + _MARGIN, fine.shape[-1])
        tokens = fine[rows, -1].topk(count, dim=-1).indices
        last = inputs[0][rows, -1].float()
        values = (head.weight[tokens].float() @ last[:, :, None])[:, :, 0]
        if head.bias is not None:
            values += head.bias[tokens].float()
        fine[rows[:, None], -1, tokens] = values
        return fine
