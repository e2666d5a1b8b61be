"""A line of a plan, and what turns tokens into hours and bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from genprm.lineup import billions_in
from genprm.planning.assumptions import Assumptions
from genprm.planning.costs import Spent

REFERENCE_SIZE = 7.0
"""Billions of parameters of the models that throughputs are stated for."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one model does for an artifact: it answers requests, or is `trained` on so many tokens."""

    model: str
    requests: float
    prompt_tokens: float
    prefix_tokens: float
    tokens: float
    trained: float = 0.0


@dataclass(frozen=True, slots=True)
class Planned:
    """One artifact. `low` and `high` bound its output tokens with 95 % (for `checkpoints`, the tokens trained on).
    They cover only the chance in the choice of problems, not errors of the assumptions. `prefix_tokens` is what is
    left of the prompts when shared prefixes are read once. Monte-Carlo scores are planned under several estimators;
    one is `chosen`. `work` splits the total by model.
    """

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
    estimator: str | None = None
    chosen: bool = True
    work: tuple[Work, ...] = ()

    @property
    def caption(self) -> str:
        """The artifact, with the estimator it is planned under."""
        name = f"{self.artifact}, {self.estimator}" if self.estimator else self.artifact
        return name if self.chosen else f"{name} (not chosen)"


def added(artifact: str, parts: Sequence[Planned]) -> Planned:
    """The sum of the parts of an artifact."""
    others = ("artifact", "estimator", "chosen", "work")
    quantities = [field.name for field in fields(Planned) if field.name not in others]
    sums = {name: sum(getattr(part, name) for part in parts) for name in quantities}
    return Planned(artifact, **sums, work=tuple(work for part in parts for work in part.work))


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


def slowness(name: str) -> float:
    """Time that a model takes for a token, relative to the models that throughputs are stated for."""
    return (billions_in(name) or REFERENCE_SIZE) / REFERENCE_SIZE


def priced(artifact: str, model: str, spent: Spent, executions: float, assumed: Assumptions) -> Planned:
    """The line of a plan for what a model does for an artifact: without an interval, and with all its text kept."""
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
        work=(Work(model, spent.completions, spent.prompt_tokens, spent.prefix_tokens, spent.tokens),),
    )


def gpu_hours(model: str, tokens: float, prefix_tokens: float, assumed: Assumptions) -> float:
    """Hours that a model takes to write `tokens` and to read `prefix_tokens`."""
    seconds = tokens / assumed.generated_per_second + prefix_tokens / assumed.read_per_second
    return seconds * slowness(model) / 3600


def disk_mb(tokens: float, assumed: Assumptions) -> float:
    """Mebibytes that tokens take as text."""
    return tokens * assumed.bytes_per_token / 2**20
