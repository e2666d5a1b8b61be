"""The base of all sections: typed, frozen groups of settings that refuse unknown keys."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

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


def several(value: Any) -> Any:
    """One text as a list of one; a validator for lists of texts."""
    return [value] if isinstance(value, str) else value


class SettingsError(ValueError):
    """A profile or an override is wrong; the message names the key, the value and what is allowed."""


class Age(Enum):
    """When a setting came into its section."""

    ADDED = "added"
    """After artifacts had been made from the section. The default must mean what was done before. A setting at its
    default is not written, so that fingerprints and journal keys of existing artifacts stay as they are."""


class Section(BaseModel):
    """A frozen group of settings. Unknown keys are refused.

    A setting is marked with `Annotated[type, Age.ADDED]` if it is added to a section that artifacts are made from:

    >>> class Judging(Section):
    ...     rounds: int = 3
    ...     strict: Annotated[bool, Age.ADDED] = False
    >>> Judging().model_dump(), Judging(strict=True).model_dump()
    ({'rounds': 3}, {'rounds': 3, 'strict': True})
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @model_serializer(mode="wrap")
    def _without_additions_at_their_default(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = write(self)
        for name, field in type(self).model_fields.items():
            if Age.ADDED in field.metadata and getattr(self, name) == field.get_default(call_default_factory=True):
                values.pop(name, None)
        return values


class SamplingSettings(Section):
    """Decoding of one kind of request."""

    temperature: Annotated[float, Field(ge=0.0, le=5.0)] = 0.7
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    top_k: Annotated[int, Field(ge=0)] = 0
    """0 means no limit."""
    max_tokens: Annotated[int, Field(ge=1)] = 2048
