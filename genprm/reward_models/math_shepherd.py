"""Math-Shepherd: P(+) of the language head behind each line (Wang et al., arXiv 2312.08935)."""

from __future__ import annotations

from collections.abc import Sequence

from genprm.engines.loading import load_tokenizer
from genprm.reward_models.base import RewardModel
from genprm.reward_models.layouts import MarkedTokens, marked_lines, numbered, token_id
from genprm.reward_models.registry import Adapter, from_forward_passes, register
from genprm.settings import EngineSettings
from genprm.verification.rewards import THRESHOLD

STEP_END = "▁ки"
"""Id 12902 in the published vocabulary; the answers `▁+` and `▁-` are 648 and 387."""


def load_math_shepherd(model: str, settings: EngineSettings) -> RewardModel:
    """Math-Shepherd-PRM-7B: `{problem} Step 1: ... ки`, a line per step, with P(+) read at each ки.

    Raises:
        EngineError: a file is missing or wrong, or the vocabulary is not the published one.
    """
    from genprm.reward_models.networks.checkpoint import load_causal
    from genprm.reward_models.networks.forward import ForwardRewardModel
    from genprm.reward_models.networks.heads import two_token_reading

    tokenizer, network = load_tokenizer(model), load_causal(model, settings)
    mark, plus, minus = (token_id(tokenizer, model, token) for token in (STEP_END, "▁+", "▁-"))

    def layout(problem: str, steps: Sequence[str]) -> list[MarkedTokens]:
        first, *later = numbered(steps)
        return [marked_lines(tokenizer, model, [f"{problem.strip()} {first}", *later], mark)]

    reading = two_token_reading(network, plus, minus)
    return ForwardRewardModel(model, network.base_model, layout, reading, settings)


register(
    Adapter(
        "math-shepherd",
        from_forward_passes(load_math_shepherd),
        {"peiyi9979/math-shepherd-mistral-7b-prm": THRESHOLD},
    )
)
