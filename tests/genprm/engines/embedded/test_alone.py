"""What is computed by itself follows from its tokens alone: to the bit, whatever was read before."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
import torch
from transformers import AutoModelForCausalLM

from genprm.engines import resolve_model
from genprm.engines.embedded.alone import BLOCK, AloneReader
from genprm.engines.embedded.slots import ATTENTION
from genprm.engines.loading import load_network

CONTEXT = 1024
ROOM = 2**26


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    path = resolve_model("miniature/rationale")
    loaded: torch.nn.Module = load_network(
        AutoModelForCausalLM, path, dtype=torch.float32, attn_implementation=ATTENTION
    )
    return loaded.eval()


def read(network: torch.nn.Module, conversations: Sequence[Sequence[int]], limit: int) -> list[torch.Tensor]:
    """The logits after each of the conversations, by one reader."""
    reader = AloneReader(network, CONTEXT, limit)
    with torch.inference_mode():
        return [reader.logits(tokens) for tokens in conversations]


def conversations() -> list[list[int]]:
    """They grow, are forked in the middle of a block and at its end, repeat, and end at all places of a block."""
    draw = random.Random(1)
    first = [draw.randrange(5, 200) for _ in range(5 * BLOCK)]
    second = first[: BLOCK + 7] + [draw.randrange(5, 200) for _ in range(3 * BLOCK)]
    lengths = [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 20, 5 * BLOCK]
    grown = [tokens[:length] for length in lengths for tokens in (first, second)]
    return [*grown, first[: 2 * BLOCK] + second[:BLOCK], grown[0], grown[-1]]


@pytest.mark.parametrize("limit", [ROOM, ROOM // 256], ids=["all are kept", "some are forgotten"])
def test_what_was_read_before_changes_no_bit(network: torch.nn.Module, limit: int) -> None:
    wanted = [one for tokens in conversations() for one in read(network, [tokens], 0)]
    for order in (1, -1):
        found = read(network, conversations()[::order], limit)[::order]
        assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_logits_are_those_of_the_plain_network(network: torch.nn.Module) -> None:
    plain = load_network(AutoModelForCausalLM, resolve_model("miniature/rationale"), dtype=torch.float32).eval()
    for tokens, found in zip(conversations(), read(network, conversations(), ROOM), strict=True):
        with torch.inference_mode():
            wanted = plain(input_ids=torch.tensor([tokens])).logits[0, -1]
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)


def test_full_blocks_are_read_once(network: torch.nn.Module) -> None:
    tokens = conversations()[-1]
    reader = AloneReader(network, CONTEXT, ROOM)
    with torch.inference_mode():
        reader.logits(tokens[: 2 * BLOCK + 1])
        assert reader.tokens_read == 2 * BLOCK + 1
        reader.logits(tokens[: 3 * BLOCK + 5])
    assert reader.tokens_read == 3 * BLOCK + 6
