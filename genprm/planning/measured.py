"""What a pilot did: the costs of its problems, and values that replace assumptions."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from genprm.consensus import decide
from genprm.labels.progress import label_steps
from genprm.modes import Mode
from genprm.planning.costs import ESTIMATORS, Kept, ProblemCost, Spent
from genprm.records import NO_ERROR, Rationale, SampledProblem, Solution, StepScores
from genprm.settings import MAIN_VARIANT, Profile
from genprm.verification.conversation import turn_for_mode


def _kept(rationales: Iterable[Rationale], with_error: bool) -> Kept:
    judged = [len(r.verification.steps) for r in rationales if (r.judged_first_error != NO_ERROR) == with_error]
    return Kept(len(judged), sum(judged))


@dataclass(frozen=True, slots=True)
class Labelled:
    """One solution of a pilot: what its rollouts cost under each estimator, and its scores under the profile's."""

    solution: Solution
    rollouts: dict[str, Spent]
    scores: StepScores


@dataclass(frozen=True, slots=True)
class Pilot:
    """What was done for each problem (`sampled`, `counts`) and for each solution kept of them, in the same order
    (`labelled`, `rationales`); `judging` is everything that was asked of the judge."""

    profile: Profile
    sampled: list[Spent]
    counts: list[SampledProblem]
    labelled: list[Labelled]
    rationales: list[Rationale]
    judging: Spent

    def costs(self) -> list[ProblemCost]:
        """The cost of each problem, in order."""
        return [self._cost(spent, row.problem_id) for spent, row in zip(self.sampled, self.counts, strict=True)]

    def _cost(self, sampled: Spent, problem_id: str) -> ProblemCost:
        pairs = zip(self.labelled, self.rationales, strict=True)
        rows = [pair for pair in pairs if pair[0].solution.problem_id == problem_id]
        kept = [rationale for labelled, rationale in rows if self._agrees(labelled, rationale)]
        return ProblemCost(
            sampled,
            len(rows),
            sum(len(labelled.solution.steps) for labelled, _ in rows),
            {name: sum((labelled.rollouts[name] for labelled, _ in rows), Spent()) for name in ESTIMATORS},
            sum((self._judgement(rationale) for _, rationale in rows), Spent()),
            sum(len(step.executions) for _, rationale in rows for step in rationale.verification.steps),
            (_kept(kept, with_error=True), _kept(kept, with_error=False)),
        )

    def _agrees(self, labelled: Labelled, rationale: Rationale) -> bool:
        return decide(label_steps(labelled.scores, self.profile.labels.variant(MAIN_VARIANT)), rationale).kept

    def _judgement(self, rationale: Rationale) -> Spent:
        """Steps and tokens of a judgement; its prompts in full are a share of the judge's, by steps."""
        path = rationale.verification
        steps = sum(len(one.verification.steps) for one in self.rationales)
        in_full = round(self.judging.prompt_tokens * len(path.steps) / steps)
        return Spent(len(path.steps), path.tokens, in_full, path.prompt_tokens)

    def assumptions(self) -> dict[str, float]:
        """Values that replace assumptions about steps and judgements; none where the pilot kept no solution."""
        paths = [rationale.verification for rationale in self.rationales]
        judged = [step for path in paths for step in path.steps]
        if not judged:
            return {}
        problem = statistics.fmean(spent.prefix_tokens for spent in self.sampled)
        steps = sum(len(rationale.steps) for rationale in self.rationales)
        read = sum(path.prompt_tokens for path in paths) - problem * len(paths)
        found = {
            "problem_tokens": problem,
            "step_tokens": read / len(judged),
            "further_steps": steps / len(paths) - 2,
            "judged_step_tokens": sum(path.tokens for path in paths) / len(judged),
            "executions": sum(len(step.executions) for step in judged) / len(judged),
        }
        if self.profile.rationales.mode == "full":
            written = [len(turn_for_mode(step.text, Mode.COT)) / len(step.text) for step in judged]
            found["analysis"] = statistics.fmean(written)
        if self.profile.scaling.model == self.profile.solutions.model:
            found["found_wrong"] = 1 - statistics.fmean(row.pass_at_1 for row in self.counts)
        if self.profile.evaluation.source == "miniature":
            found |= {"case_steps": steps / len(paths), "case_judged": len(judged) / steps}
        return found
