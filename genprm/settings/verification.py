"""How a step is judged, rationales, and what the filter keeps of them (paper 4.2)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from genprm.modes import Mode
from genprm.settings.base import SamplingSettings, Section, TurnMode


class TurnFormat(Section):
    """The wording around one judged step. The tags themselves are fixed (`genprm.verification.conversation`)."""

    system: str | None = None
    direct_system: str | None = None
    """System message of direct mode, where it differs."""
    question: str = "Question: {problem}\n\n{step}"
    """First user turn; later ones are the step alone."""
    assistant_header: bool = True
    """Whether the turn being written begins as finished ones do; the published evaluation left its header out."""
    analyze_lead: str = "Let's analyze the Paragraph {number} step by step: "
    verify_lead: str = "Let's use python code to find any potential error:\n"


class VerifierSettings(Section):
    """The analyse / verify / execute / judge loop (paper 4.2 and 4.3)."""

    sampling: SamplingSettings = SamplingSettings(temperature=0.6, top_p=0.95, top_k=20)
    """`max_tokens` is the budget of a whole step, code output included."""
    rounds: Annotated[int, Field(ge=1)] = 3
    """Code blocks per step before a verdict is forced."""
    tau: Annotated[float, Field(ge=0.0, le=0.5)] = 0.1
    """Adaptive judgement goes on where a reward is further than this from 0 and from 1 (released code: 0.1)."""
    format: TurnFormat = TurnFormat()
    seed: int = 0

    def deciding(self, mode: Mode) -> dict[str, Any]:
        """The values that have a say in a judgement in `mode`, as JSON has them."""
        return self.model_dump(mode="json", exclude=None if mode is Mode.ADAPTIVE else {"tau"})


class RationaleSettings(Section):
    """Code-verified rationales (paper 4.2)."""

    model: str = "Qwen/QwQ-32B"
    mode: TurnMode = Mode.FULL
    verifier: VerifierSettings = VerifierSettings()

    def deciding(self) -> dict[str, Any]:
        """The values that have a say in a rationale, as JSON has them."""
        return {**self.model_dump(mode="json"), "verifier": self.verifier.deciding(self.mode)}


class FilterSettings(Section):
    """Consensus filtering and the training set made from what it keeps (paper 4.2)."""

    balance: bool = False
    """Keep as many conversations without an error as with one (the surplus is dropped by hash of the id)."""
    mask_code_output: bool = False
    """Leave the executed output out of the loss."""
    share: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Share of the kept conversations that is used (paper table 8)."""
