"""Universal-PRM-7B: one score per prefix of a solution, so one row per step.

Its public card gives the input, and says that the score is the sigmoid of the first output. The names of its head's
tensors and the position that is scored cannot be known without running the code it ships. The head is therefore
assumed to be `score`, with one or two linear layers as in other reward models on Qwen2, and is read at the last
token (EOS). A checkpoint that holds anything else is refused with the names and shapes found.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from genprm.engines.base import EngineError
from genprm.engines.chat import apply_template
from genprm.engines.encoding import encode_text
from genprm.engines.loading import load_tokenizer
from genprm.records import Message
from genprm.reward_models.base import RewardModel
from genprm.reward_models.layouts import MarkedTokens
from genprm.reward_models.registry import Adapter, from_forward_passes, register
from genprm.settings import EngineSettings
from genprm.verification.rewards import THRESHOLD

SYSTEM = "You are a helpful assistant."
REFERENCE_LEAD = "\n\n###\n\nThe reference answer is: "
NO_REFERENCE = "There is no reference answer for this question."
_HEAD = "score."


def prefix_rows(tokenizer: Any, model: str, problem: str, steps: Sequence[str]) -> list[MarkedTokens]:
    """The chat up to each step: problem without a reference answer, steps with a blank line behind each, EOS.

    Raises:
        EngineError: there is no chat template.
    """
    messages = [Message("system", SYSTEM), Message("user", problem + REFERENCE_LEAD + NO_REFERENCE)]
    opened = encode_text(tokenizer, apply_template(tokenizer, model, messages, open_turn=True))
    rows = []
    for count in range(1, len(steps) + 1):
        written = encode_text(tokenizer, "\n\n".join(steps[:count]) + "\n\n")
        ids = [*opened, *written, tokenizer.eos_token_id]
        rows.append(MarkedTokens(ids, [len(ids) - 1]))
    return rows


def load_universal(model: str, settings: EngineSettings) -> RewardModel:
    """Universal-PRM-7B, as far as its card describes it (see the module's docstring).

    Raises:
        EngineError: a file is missing or wrong, or the head is none of those that are known.
    """
    from genprm.reward_models.networks.checkpoint import load_body, read_tensors
    from genprm.reward_models.networks.forward import ForwardRewardModel
    from genprm.reward_models.networks.heads import linear_head, load_head, sigmoid_reading, two_layer_head

    tokenizer, body = load_tokenizer(model), load_body(model, settings, _HEAD)
    if tokenizer.eos_token_id is None:
        raise EngineError(f"model {model!r}: the tokenizer has no EOS token, with which its input ends")
    tensors = read_tensors(model, _HEAD)
    size = body.config.hidden_size
    empty = linear_head(size, 1, bias="bias" in tensors) if "weight" in tensors else two_layer_head(size, 1)
    head = load_head(model, body, empty, _HEAD)
    layout = partial(prefix_rows, tokenizer, model)
    return ForwardRewardModel(model, body, layout, sigmoid_reading(head), settings)


register(Adapter("universal", from_forward_passes(load_universal), {"infly/Universal-PRM-7B": THRESHOLD}))
