"""A line of a plan, and what turns tokens into hours and bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields

from genprm.planning.assumptions import Assumptions
from genprm.planning.costs import Spent

_SIZE = re.compile(r"(\d+(?:\.\d+)?)b\b", re.IGNORECASE)
REFERENCE_SIZE = 7.0
"""Billions of parameters of the models that throughputs are stated for."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One artifact. `low` and `high` bound its output tokens with 95 %, of `checkpoints` the tokens trained on: the
    chance of these problems only, not the truth of the assumptions. `prefix_tokens` is what is left of the prompts
    when shared prefixes are read once."""

    artifact: str
    requests: float
    prompt_tokens: float
    prefix_tokens: float
    tokens: float
    low: float
    high: float
    executions: float
    gpu_hours: float
    disk_mb: float


def added(artifact: str, parts: Sequence[Planned]) -> Planned:
    """The sum of the parts of an artifact."""
    names = [field.name for field in fields(Planned)][1:]
    return Planned(artifact, *(sum(getattr(part, name) for part in parts) for name in names))


def short(number: float) -> str:
    """A number as tables show it, thousands as k and millions as M.

    >>> [short(number) for number in (0, 0.02029, 7.81, 915, 11960, 455015, 2.6e9)]
    ['0', '0.02', '7.8', '915', '12k', '455k', '2600M']
    """
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if number >= 0.9995 * size:
            part = number / size
            return f"{part:.0f}{unit}" if part >= 100 else f"{part:.3g}{unit}"
    return f"{number:.0f}" if number >= 100 else f"{number:.2g}"


def model_size(name: str) -> float | None:
    """Billions of parameters that a model's name states; None when it states none.

    >>> model_size("Qwen/Qwen2.5-Math-7B-Instruct"), model_size("miniature/policy")
    (7.0, None)
    """
    found = _SIZE.findall(name)
    return float(found[-1]) if found else None


def slowness(name: str) -> float:
    """Time that a model takes for a token, beside the models that throughputs are stated for."""
    return (model_size(name) or REFERENCE_SIZE) / REFERENCE_SIZE


def priced(artifact: str, model: str, spent: Spent, executions: float, assumed: Assumptions) -> Planned:
    """What a model is asked for an artifact, when nothing is left to chance and what it writes is kept."""
    return Planned(
        artifact,
        requests=spent.completions,
        prompt_tokens=spent.prompt_tokens,
        prefix_tokens=spent.prefix_tokens,
        tokens=spent.tokens,
        low=spent.tokens,
        high=spent.tokens,
        executions=executions,
        gpu_hours=gpu_hours(model, spent.tokens, spent.prefix_tokens, assumed),
        disk_mb=disk_mb(spent.tokens, assumed),
    )


def gpu_hours(model: str, tokens: float, prefix_tokens: float, assumed: Assumptions) -> float:
    """Hours that a model takes to write `tokens` and to read `prefix_tokens`."""
    seconds = tokens / assumed.generated_per_second + prefix_tokens / assumed.read_per_second
    return seconds * slowness(model) / 3600


def disk_mb(tokens: float, assumed: Assumptions) -> float:
    """Mebibytes of so many tokens as text."""
    return tokens * assumed.bytes_per_token / 2**20
