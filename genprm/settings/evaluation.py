"""ProcessBench, Best-of-N and refinement (paper 5.2, 5.3)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from genprm.modes import Mode
from genprm.settings.base import Age, Key, SamplingSettings, Section, Share
from genprm.settings.data import RowSettings
from genprm.settings.verification import VerifierSettings
from genprm.splitting.free_text import AUTO, check_splitter


class CaseRows(RowSettings):
    """Rows that hold solutions with `label`, the first wrong step (0-based; -1 for none)."""

    splitter: Annotated[str, AfterValidator(check_splitter)] = AUTO
    """How solutions that came as text are split (`genprm.splitting.free_text`)."""


class EvaluationSettings(Section):
    """ProcessBench (paper 5.2) and test-time scaling of the reward model."""

    source: Literal["miniature", "processbench", "file", "hub"] = "processbench"
    subsets: tuple[Key, ...] = ("gsm8k", "math", "olympiadbench", "omnimath")
    limit: Annotated[int, Field(ge=1)] | None = None
    """Cases per subset; all when empty."""
    votes: Annotated[int, Field(ge=1)] = 8
    """Verification paths per case: Pass@1 is their mean, Maj@N their vote."""
    other_votes: Annotated[int, Field(ge=1)] | None = None
    """Paths per case of the models that `full` is compared with; the same number as `votes` when empty."""
    other_modes: tuple[Mode, ...] = ()
    """Further modes in which the full model judges: they show what analysis, code and running it are worth at test
    time (table 5), and how adaptive judging does. With code_unrun, the code model judges in that mode too."""
    threshold: Share = 0.5
    """A step is wrong when its reward is below this."""
    bootstrap: Annotated[int, Field(ge=100)] = 2000
    """Resamples behind each 95 % interval."""
    verifier: VerifierSettings = VerifierSettings()
    seed: int = 0
    rows: Annotated[CaseRows, Age.ADDED] = CaseRows()
    """What the sources `file` and `hub` read."""
    kept_paths: Annotated[int, Field(ge=0), Age.ADDED] = 1
    """Verification paths per case, from the first, whose text is kept for reading (`genprm view`). It changes no
    result and is part of no fingerprint."""

    def votes_in(self, mode: Mode, full: bool) -> int:
        """Paths per case of a model that judges in `mode`."""
        return _paths(mode, self.votes if full else self.other_votes or self.votes)

    def modes_besides(self, trained: Mode) -> tuple[Mode, ...]:
        """The `other_modes` for which training in the mode `trained` is enough."""
        return tuple(
            mode
            for mode in self.other_modes
            if mode is not trained and (trained is Mode.FULL or mode is trained.unrun)
        )


def _paths(mode: Mode, votes: int) -> int:
    """One path for a mode that samples nothing, as all its paths would be the same; otherwise `votes`."""
    return votes if mode.sampled else 1


Aggregate = Literal["last", "mean", "min", "product"]
"""How the rewards of the steps become the reward of a solution; the paper's PRM-Last, PRM-Avg and PRM-Min, and the
product."""


class ScalingSettings(Section):
    """Best-of-N on sets of problems with answers (paper 5.3 and appendix A). Without `sets` nothing is made."""

    sets: tuple[Key, ...] = ()
    """Names of `genprm.data_sets.answer_sets.ANSWER_SETS`, or `miniature`."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """Problems per set; all when empty."""
    model: str = "Qwen/Qwen2.5-Math-7B-Instruct"
    system: str | None = "Please reason step by step, and put your final answer within \\boxed{}."
    prompt: str = "{problem}"
    prefill: str = "Step 1:"
    sampling: SamplingSettings = SamplingSettings()
    candidates: Annotated[int, Field(ge=1, le=256)] = 32
    """Solutions sampled per problem; smaller N are disjoint chunks of these."""
    votes: Annotated[int, Field(ge=1)] = 1
    """Verification paths per candidate."""
    aggregate: Aggregate = "min"
    """Aggregate that the leaderboard shows as the reward of a solution; all four are recorded."""
    seed: int = 0

    def votes_in(self, mode: Mode) -> int:
        """Paths per candidate of a model that judges in `mode`."""
        return _paths(mode, self.votes)


class RefinementSettings(Section):
    """The reward model as critic: the policy rewrites what was judged wrong (paper 5.3: temperature 0.7, 3 turns).
    Without `sets` nothing is made.

    In `opening` and `request` the words {problem}, {solution}, {number} (1-based), {step}, {quoted_step} and
    {critique} stand for what they name.
    """

    system: str | None = "Please reason step by step, and put your final answer within \\boxed{}."
    opening: str | None = "{problem}"
    """First user turn, which the solution answers; when empty, `request` is the only turn."""
    request: str = (
        "Step {number} of your solution may be wrong:\n\n{quoted_step}\n\n{critique}\n\n"
        "Think about it again, and write the whole solution in numbered steps."
    )
    sampling: SamplingSettings = SamplingSettings()
    sets: tuple[Key, ...] = ()
    """The sets of `scaling.sets` whose first candidates are refined, by the policy that drew them."""
    solutions: Annotated[int, Field(ge=1)] = 1
    """Candidates per problem that are refined."""
    turns: Annotated[int, Field(ge=1)] = 3
    votes: Annotated[int, Field(ge=1)] = 1
    """Verification paths of a reward model as critic."""
    keep_steps: bool = False
    """Keep the steps before the wrong one; otherwise the policy writes a new solution."""
    seed: int = 0
