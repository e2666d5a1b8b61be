"""What sections are made of: typed, frozen groups of settings that refuse what they do not know."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from genprm.modes import Mode


def _is_one_turn(mode: Mode) -> Mode:
    if mode is Mode.ADAPTIVE:
        allowed = ", ".join(one for one in Mode if one is not Mode.ADAPTIVE)
        raise ValueError(f"adaptive is a way of judging, not a turn; allowed: {allowed}")
    return mode


TurnMode = Annotated[Mode, AfterValidator(_is_one_turn)]
"""A mode in which rationales are written and models are trained: every one but adaptive."""

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Key = Annotated[str, Field(pattern=r"^[a-z0-9_.-]+$")]


class SettingsError(ValueError):
    """A profile or an override is wrong; the message names the key, the value and what is allowed."""


class Section(BaseModel):
    """A frozen group of settings. Unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class SamplingSettings(Section):
    """Decoding of one kind of request."""

    temperature: Annotated[float, Field(ge=0.0, le=5.0)] = 0.7
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    top_k: Annotated[int, Field(ge=0)] = 0
    """0 means no limit."""
    max_tokens: Annotated[int, Field(ge=1)] = 2048
