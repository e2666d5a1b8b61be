"""How other reward models and critics are asked; the defaults are their authors' (`docs/published_models.md`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from genprm.settings.base import Section


class ThinkSettings(Section):
    """ThinkPRM (arXiv 2504.16828)."""

    temperature: Annotated[float, Field(ge=0.0, le=5.0)] | None = None
    """When empty: 0 for one chain, 0.4 for several."""
    max_tokens: Annotated[int, Field(ge=1)] = 8192
    """Token limit of one round of thinking."""
    rounds: Annotated[int, Field(ge=1, le=4)] = 1
    """Rounds of thinking; each further one begins with a phrase that makes the model check again."""
    opening: str = ""
    """Text that every chain begins with, after the template's generation prompt."""
    verdicts: Literal["in order", "by heading"] = "in order"
    """Which step a boxed verdict belongs to. In order: the k-th verdict to step k, and a step without one is wrong.
    By heading: to the step whose heading came last, and a step without one has reward 0.5."""
    keep_end: bool = True
    """Whether the final question comes after the `</think>` that ends a chain, or replaces it."""
    seed: int = 0


class JudgeSettings(Section):
    """A chat model as a judge of whole solutions. Empty fields mean the values of ProcessBench's `run_eval.py`:
    greedy for one critique, sampled for several."""

    temperature: Annotated[float, Field(ge=0.0, le=5.0)] | None = None
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """When empty: 8,192, and 32,768 for models known to think long."""
    seed: int = 0


class DyveSettings(Section):
    """Dyve (arXiv 2502.11157)."""

    max_tokens: Annotated[int, Field(ge=1)] = 1024
    approval: Literal["near the end", "at the end", "anywhere"] = "near the end"
    """Where a reply must have a + to call a step right; `near the end` as in its authors' ProcessBench script."""


class EurusSettings(Section):
    """EurusPRM (arXiv 2412.01981), as in its authors' ProcessBench script."""

    reference: str | None = None
    """Hub id or directory of the model that likelihoods are compared with. When empty: for stage 2 the one in the
    script, for stage 1, which the script does not mention, the one in the model card."""
    beta: Annotated[float, Field(gt=0.0)] = 0.005
    """Factor of the log-likelihood ratio."""
    step_ends: Literal["as released", "last character"] = "as released"
    """Which token ends a step: the one that their script counts to, two tokens after the step, or the token of the
    step's last character."""
