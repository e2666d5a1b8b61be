"""EurusPRM: the likelihood of a solution relative to a reference model (Yuan et al., arXiv 2412.01981).

Reference, factor, threshold and ends of steps are those of its authors' ProcessBench script (`eval/processbench.py`
and `process_eval.sh` of PRIME-RL/ImplicitPRM).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import PurePath
from typing import Any

from genprm.engines.base import EngineError
from genprm.engines.encoding import encode_text, encode_text_at
from genprm.engines.loading import load_tokenizer
from genprm.engines.prompts import Prompt
from genprm.records import Message
from genprm.reward_models.base import Asking, RewardModel
from genprm.reward_models.layouts import REPLY, MarkedTokens, Response, around_replies, numbered, token_at
from genprm.reward_models.registry import Adapter, Machine, asked_with, refuse_votes, register
from genprm.settings import EngineSettings, EurusSettings

SCRIPT_REFERENCE = "Qwen/Qwen2.5-7B-Instruct"
CARD_REFERENCE = "Qwen/Qwen2.5-Math-7B-Instruct"
"""The model that EurusPRM was trained from."""
_SEPARATOR = "\n\n"


def response_rows(
    tokenizer: Any, model: str, problem: str, steps: Sequence[str], released: bool = True
) -> Response:
    """User: the problem; assistant: `Step n: ...`, separated by blank lines.

    With `released`, a step ends where the released script says; otherwise with its last character. The script
    tokenises the chat up to the step on its own, followed by the end of the turn and a blank line. It then takes
    the same number of tokens from the whole chat; the last of them ends the step.

    Raises:
        EngineError: the chat template does not keep the solution as it is.
    """
    lead, tail = around_replies(tokenizer, model, [Message("user", problem), Message("assistant", REPLY)])
    pieces = numbered(steps)
    ids, spans = encode_text_at(tokenizer, lead + _SEPARATOR.join(pieces) + tail)
    begins = [begin for begin, _ in spans]
    first = token_at(begins, len(lead))
    if released:
        last_tokens = _counted_ends(tokenizer, lead, pieces, tail[: len(tail.rstrip())], len(ids))
    else:
        lengths = [len(_SEPARATOR.join(pieces[:t])) for t in range(1, len(pieces) + 1)]
        last_tokens = [token_at(begins, len(lead) + length - 1) for length in lengths]
    ends = [token - first for token in last_tokens]
    return Response(MarkedTokens(ids, list(range(first - 1, first + max(ends)))), ends)


def _counted_ends(tokenizer: Any, lead: Prompt, pieces: Sequence[str], turn_end: Prompt, tokens: int) -> list[int]:
    """For each step, the index in the whole chat of the token that ends it, as the released script counts."""
    chats = [lead + _SEPARATOR.join(pieces[:t]) + turn_end for t in range(1, len(pieces) + 1)]
    counted = [chat + _SEPARATOR for chat in chats[:-1]] + chats[-1:]
    return [min(len(encode_text(tokenizer, chat)), tokens) - 1 for chat in counted]


def reference_of(model: str) -> str:
    """The model that the authors compare a EurusPRM with.

    >>> reference_of("PRIME-RL/EurusPRM-Stage2"), reference_of("PRIME-RL/EurusPRM-Stage1")
    ('Qwen/Qwen2.5-7B-Instruct', 'Qwen/Qwen2.5-Math-7B-Instruct')
    """
    return SCRIPT_REFERENCE if PurePath(model).name.endswith("Stage2") else CARD_REFERENCE


def load_eurus(model: str, settings: EngineSettings, asked: EurusSettings | None = None) -> RewardModel:
    """EurusPRM stage 1 and 2 with their reference model.

    Raises:
        EngineError: a file of either is missing or wrong, or their vocabularies differ in size.
    """
    from genprm.reward_models.networks.checkpoint import load_causal
    from genprm.reward_models.networks.implicit import ImplicitRewardModel

    asked = asked or EurusSettings()
    reference, released = asked.reference or reference_of(model), asked.step_ends == "as released"
    tokenizer = load_tokenizer(model)
    network, other = load_causal(model, settings), load_causal(reference, settings)
    sizes = [one.get_output_embeddings().weight.shape[0] for one in (network, other)]
    if sizes[0] != sizes[1]:
        raise EngineError(
            f"model {model!r} has {sizes[0]} token ids, its reference {reference!r} has {sizes[1]}; "
            "a reference shares the vocabulary"
        )
    layout = partial(response_rows, tokenizer, model, released=released)
    return ImplicitRewardModel(model, (network, other), layout, asked.beta, settings)


def open_eurus(model: str, machine: Machine, asking: Asking) -> RewardModel:
    """EurusPRM and its reference in this process.

    Raises:
        InputError: several votes, a mode, or an engine elsewhere.
        SettingsError: a change that is not allowed.
        EngineError: as `load_eurus`.
    """
    refuse_votes(model, asking)
    return load_eurus(model, machine.here(model), asked_with(asking, EurusSettings()))


register(Adapter("eurus", open_eurus, {"PRIME-RL/EurusPRM-Stage1": None, "PRIME-RL/EurusPRM-Stage2": 0.5005}))
