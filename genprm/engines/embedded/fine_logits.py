"""Logits with more digits than a network in bfloat16 gives, for rows that are asked for log-probabilities.

Such a network rounds each logit to three digits: at 40 the next number is 40.25, and a reward of 0.62 may have been
0.60 or 0.66. The largest logits are worked out again from its last state, in float32.
"""

from __future__ import annotations

from typing import Any

import torch

_MARGIN = 32
"""Logits beside those asked for that are worked out again: rounding may have ordered them otherwise."""


class FineLogits:
    """Watches the head of a network, and changes nothing of one in float32 or with a quantised head."""

    def __init__(self, network: Any) -> None:
        self._rows: list[int] = []
        self._largest = 0
        head = network.get_output_embeddings()
        if isinstance(head, torch.nn.Linear) and head.weight.dtype in (torch.bfloat16, torch.float16):
            head.register_forward_hook(self._work_out)

    def ask(self, rows: list[int], largest: int) -> None:
        """Work out the so many largest logits of these rows in each pass from now on."""
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
