"""How a step is judged, rationales, and what the filter keeps of them (paper 4.2)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from genprm.modes import Mode
from genprm.settings.base import Age, SamplingSettings, Section, TurnMode


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
    second_bos: Annotated[bool, Age.ADDED] = False
    """Whether the beginning-of-text token comes twice: the published code gives vLLM the rendered template, and
    vLLM puts another such token before it."""
    analysis_ends: Annotated[Literal["at tag", "at line"], Age.ADDED] = "at tag"
    """What ends an analysis: its closing tag anywhere, or (released code) only a closing tag at the end of a line;
    after one inside a line, the model writes on."""
    output: Annotated[Literal["whole", "released"], Age.ADDED] = "whole"
    """What the model sees of a block that was run: all its output and how it ended; or, as in the released code
    that the published data were made with, the stripped output, and for a block that failed only the failure."""


class VerifierSettings(Section):
    """The analyse / verify / execute / judge loop (paper 4.2 and 4.3)."""

    sampling: SamplingSettings = SamplingSettings(temperature=0.6, top_p=0.95, top_k=20)
    """`max_tokens` is the budget of a whole step, code output included."""
    rounds: Annotated[int, Field(ge=1)] = 3
    """Code blocks per step before a verdict is forced, or requests (see `rounds_of`)."""
    rounds_of: Annotated[Literal["blocks", "generations"], Age.ADDED] = "blocks"
    """What `rounds` counts. The released code counts requests after the analysis: 3 requests give two blocks and a
    verdict. If the last one writes a block in place of the verdict, the block is run and thrown away, and the
    verdict is forced."""
    tau: Annotated[float, Field(ge=0.0, le=0.5)] = 0.1
    """Adaptive judgement goes on where a reward is further than this from 0 and from 1 (released code: 0.1)."""
    format: TurnFormat = TurnFormat()
    seed: int = 0
    repeats: Annotated[Annotated[int, Field(ge=2)] | None, Age.ADDED] = None
    """When a passage of an analysis comes this many times in a row, the analysis ends and the verdict is asked for;
    when empty, an analysis may repeat itself until its tokens run out."""

    def deciding(self, mode: Mode) -> dict[str, Any]:
        """The values that a judgement in `mode` depends on, as JSON."""
        return self.model_dump(mode="json", exclude=None if mode is Mode.ADAPTIVE else {"tau"})


class RationaleSettings(Section):
    """Code-verified rationales (paper 4.2)."""

    model: str = "Qwen/QwQ-32B"
    mode: TurnMode = Mode.FULL
    verifier: VerifierSettings = VerifierSettings()

    def deciding(self) -> dict[str, Any]:
        """The values that a rationale depends on, as JSON."""
        return {**self.model_dump(mode="json"), "verifier": self.verifier.deciding(self.mode)}


class FilterSettings(Section):
    """Consensus filtering and the training set made from what it keeps (paper 4.2)."""

    balance: bool = False
    """Keep as many conversations without an error as with one (the surplus is dropped by hash of the id)."""
    mask_code_output: bool = False
    """Leave the executed output out of the loss."""
    share: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Share of the kept conversations that is used (paper table 8)."""
