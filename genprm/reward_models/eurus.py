"""EurusPRM: the likelihood of a solution against that of a reference model (Yuan et al., arXiv 2412.01981)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from genprm.engines.base import EngineError
from genprm.engines.encoding import encode_text_at
from genprm.engines.loading import load_tokenizer
from genprm.records import Message
from genprm.reward_models.base import RewardModel
from genprm.reward_models.layouts import (
    REPLY,
    MarkedTokens,
    Response,
    around_replies,
    numbered,
    token_at,
)
from genprm.reward_models.registry import Adapter, from_forward_passes, register
from genprm.settings import EngineSettings

EURUS_REFERENCE = "Qwen/Qwen2.5-Math-7B-Instruct"
"""The model that EurusPRM was trained from."""
EURUS_BETA = 0.005
"""As in its authors' ProcessBench script; their model card's example uses 0.001."""
_SEPARATOR = "\n\n"


def response_rows(tokenizer: Any, model: str, problem: str, steps: Sequence[str]) -> Response:
    """User: the problem; assistant: `Step n: ...`, parted by blank lines. A step ends with its last character.

    Raises:
        EngineError: the chat template does not keep the solution as it is.
    """
    lead, tail = around_replies(tokenizer, model, [Message("user", problem), Message("assistant", REPLY)])
    pieces = numbered(steps)
    ids, spans = encode_text_at(tokenizer, lead + _SEPARATOR.join(pieces) + tail)
    begins = [begin for begin, _ in spans]
    first = token_at(begins, len(lead))
    ends: list[int] = []
    position = len(lead)
    for piece in pieces:
        position += len(piece)
        ends.append(token_at(begins, position - 1) - first)
        position += len(_SEPARATOR)
    return Response(MarkedTokens(ids, list(range(first - 1, first + ends[-1]))), ends)


def load_eurus(model: str, settings: EngineSettings, reference: str = EURUS_REFERENCE) -> RewardModel:
    """EurusPRM stage 1 and 2 with their reference model.

    Raises:
        EngineError: a file of either is missing or wrong, or their vocabularies differ in size.
    """
    from genprm.reward_models.networks.checkpoint import load_causal
    from genprm.reward_models.networks.implicit import ImplicitRewardModel

    tokenizer = load_tokenizer(model)
    network, other = load_causal(model, settings), load_causal(reference, settings)
    sizes = [one.get_output_embeddings().weight.shape[0] for one in (network, other)]
    if sizes[0] != sizes[1]:
        raise EngineError(
            f"model {model!r} has {sizes[0]} token ids, its reference {reference!r} has {sizes[1]}; "
            "a reference shares the vocabulary"
        )

    def layout(problem: str, steps: Sequence[str]) -> Response:
        return response_rows(tokenizer, model, problem, steps)

    return ImplicitRewardModel(model, (network, other), layout, EURUS_BETA, settings)


register(
    Adapter(
        "eurus",
        from_forward_passes(load_eurus),
        {"PRIME-RL/EurusPRM-Stage1": None, "PRIME-RL/EurusPRM-Stage2": 0.5005},
    )
)
