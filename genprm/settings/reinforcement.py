"""Reinforcement learning of the verifier, after fine-tuning.

Defaults are those of FAPO-GenRM: arXiv 2510.22543 and its recipe in verl (`recipe/fapo/run_fapo_genrm_train.sh`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from genprm.settings.base import Age, Section


class ReinforcementSettings(Section):
    """Group-relative policy optimisation (GRPO, arXiv 2402.03300) on verifications of labelled solutions."""

    reward: Literal["location", "outcome", "steps"] = "location"
    """What a verification is rewarded for (`genprm.training.rl.rewards`)."""
    credit: Annotated[Literal["verification", "step"], Age.ADDED] = "verification"
    """Which reward a token gets credit for: that of the whole verification; or, with reward `steps`, that of the
    step whose judgement it belongs to, 1 or -1 by the verdict, compared with other judgements of the same step."""
    format_cost: Annotated[float, Field(ge=0.0)] = 0.0
    """Subtracted from the reward of a verification in which a verdict is missing."""
    token_cost: Annotated[float, Field(ge=0.0)] = 0.0
    """Subtracted from the reward for every thousand tokens written."""
    updates: Annotated[int, Field(ge=1)] = 500
    solutions: Annotated[int, Field(ge=1)] = 512
    """Solutions judged for one batch of verifications."""
    group: Annotated[int, Field(ge=2)] = 16
    """Verifications of one solution, which are compared with each other."""
    updates_per_batch: Annotated[int, Field(ge=1)] = 16
    """Updates that one batch of verifications is split into; from the second on, clipping matters."""
    temperature: Annotated[float, Field(gt=0.0, le=5.0)] = 1.2
    """Temperature of texts and verdicts. There is no top-k or top-p, so that training is on the distribution that
    is sampled from."""
    learning_rate: Annotated[float, Field(gt=0.0)] = 1e-6
    warmup: Annotated[int, Field(ge=0)] = 10
    """Updates over which the learning rate rises to its value, where it stays."""
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.1
    clip_low: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.2
    clip_high: Annotated[float, Field(gt=0.0)] = 0.28
    """A token's probability counts at most as 1 + this times what it was when it was drawn ("clip higher" of DAPO,
    arXiv 2503.14476)."""
    kl: Annotated[float, Field(ge=0.0)] = 0.0
    """Weight of the divergence from the fine-tuned model, estimated without bias (arXiv 2512.02556, 3.1)."""
    scale: Literal["group", "none"] = "group"
    """Whether advantages are divided by the standard deviation of their group (GRPO), or not (Dr. GRPO, arXiv
    2503.20783)."""
    drop_equal_groups: bool = True
    """Verifications of a solution that all have the same reward say nothing; they are left out (DAPO), also of the
    divergence and of the mean over tokens."""

    @model_validator(mode="after")
    def _steps_have_rewards(self) -> ReinforcementSettings:
        costs = self.format_cost or self.token_cost
        if self.credit == "step" and (self.reward != "steps" or costs):
            raise ValueError(
                f"credit is 'step' with reward {self.reward!r}, format_cost {self.format_cost} and token_cost "
                f"{self.token_cost}, allowed: reward 'steps' without costs"
            )
        return self
