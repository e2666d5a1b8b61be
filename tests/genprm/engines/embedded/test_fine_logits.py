"""The largest logits of chosen rows have the digits of float32 though the network has those of bfloat16."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from genprm.engines.embedded.fine_logits import FineLogits

WIDTH, VOCABULARY, ASKED = 64, 500, 10


class Network(torch.nn.Module):
    """A head and nothing else."""

    def __init__(self, dtype: torch.dtype, bias: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head = torch.nn.Linear(WIDTH, VOCABULARY, bias=bias, dtype=dtype)

    def get_output_embeddings(self) -> torch.nn.Linear:
        return self.head


def last_states(dtype: torch.dtype) -> torch.Tensor:
    """Of three rows, large enough that logits are above 16, where numbers in bfloat16 are 1/8 apart."""
    return (40 * torch.randn(3, 1, WIDTH, generator=torch.Generator().manual_seed(1))).to(dtype)


def logits_of(network: Any, states: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return network.head(states)


@pytest.mark.parametrize("bias", [False, True])
def test_the_largest_of_the_rows_that_are_asked_are_those_of_double_precision(bias: bool) -> None:
    network = Network(torch.bfloat16, bias)
    states = last_states(torch.bfloat16)
    coarse = logits_of(network, states).float()
    FineLogits(network).ask([0, 2], ASKED)
    found = logits_of(network, states)
    head = network.head
    exact = states.double() @ head.weight.double().T + (head.bias.double() if bias else 0.0)
    for row in (0, 2):
        largest = exact[row, 0].topk(ASKED).indices
        assert found[row, 0].topk(ASKED).indices.tolist() == largest.tolist()
        torch.testing.assert_close(found[row, 0, largest].double(), exact[row, 0, largest], rtol=0, atol=1e-4)
    assert (coarse[0, 0] - exact[0, 0]).abs().max() > 0.02
    assert torch.equal(found[1], coarse[1])


def test_a_row_that_asks_for_nothing_costs_nothing() -> None:
    network = Network(torch.bfloat16)
    fine = FineLogits(network)
    fine.ask([0], ASKED)
    fine.ask([], 0)
    assert logits_of(network, last_states(torch.bfloat16)).dtype == torch.bfloat16


def test_a_network_in_float32_is_left_alone() -> None:
    network = Network(torch.float32)
    before = logits_of(network, last_states(torch.float32))
    FineLogits(network).ask([0, 1, 2], ASKED)
    assert torch.equal(logits_of(network, last_states(torch.float32)), before)
