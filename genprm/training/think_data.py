r"""Verification chains for ThinkPRM, joined from rationales: the same solutions that GenPRM is trained on.

The published models learnt from chains that QwQ wrote when it was asked about whole solutions. Here nothing is
generated anew: the rationale model has judged each step by itself, and its analyses and verdicts make the chain.
Code and its output are left out, as ThinkPRM runs none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from genprm.records import Message, Rationale, TrainingExample
from genprm.reward_models.think_prm import OPENING, QUESTION, STOPS, question, read_verdicts
from genprm.settings import TurnFormat
from genprm.training.discriminative_data import LabelledSolution
from genprm.verification.rewards import UNDECIDED

_VERDICT_LINE = re.compile(r"\nStep \d+ is \\boxed\{(?:correct|incorrect)\}\.")
"""A verdict line as `_chain` writes it."""


def verification_chains(
    rationales: Iterable[Rationale], solutions: Sequence[LabelledSolution], turn_format: TurnFormat
) -> list[TrainingExample]:
    """The chain of each solution as a conversation of one question and one answer, in the order of `solutions`.

    A chain is kept only where the verdicts that `read_verdicts` finds in it are the labels of the steps, with none
    after the first wrong one (process-based filtering, as in the paper). That fails where an analysis boxes
    verdicts of its own, or contains a text that ends a chain. A chain silent about a step is left out, too.

    Args:
        solutions: as from `labelled_solutions`, with labels up to and including the first wrong step.
        turn_format: that of the rationales; the lead with which it begins every analysis is left out.
    """
    found = {rationale.solution_id: rationale for rationale in rationales}
    examples = []
    for solution in solutions:
        rationale = found[solution.id]
        analyses = _analyses(rationale, len(solution.labels), turn_format)
        chain = _chain(analyses, rationale)
        if all(analyses) and _reads_as(chain, solution.labels, len(rationale.steps)):
            answer = f"{OPENING}{chain}{QUESTION}{' No' if 0 in solution.labels else ' Yes'}"
            messages = [Message("user", question(solution.problem, rationale.steps)), Message("assistant", answer)]
            examples.append(TrainingExample(solution.id, messages))
    return examples


def _analyses(rationale: Rationale, steps: int, turn_format: TurnFormat) -> list[str]:
    return [
        step.analysis.removeprefix(turn_format.analyze_lead.format(number=number).strip()).strip()
        for number, step in enumerate(rationale.verification.steps[:steps], start=1)
    ]


def _chain(analyses: Sequence[str], rationale: Rationale) -> str:
    """Each step's analysis and verdict, the verdict on a line of its own that begins with the number of the step.

    It begins with a space, because it follows `OPENING`: a line break would be one token with the colon before it,
    and a model that goes on from the colon would never have seen the colon alone in training.
    """
    lines = []
    for number, (analysis, step) in enumerate(zip(analyses, rationale.verification.steps, strict=False), start=1):
        verdict = "incorrect" if step.verdict == "No" else "correct"
        lines += [f"Step {number}: {analysis}", f"Step {number} is \\boxed{{{verdict}}}."]
    return " " + "\n".join(lines)


def without_verdicts(chain: str) -> str:
    """A chain that was made here, without its verdicts on single steps."""
    return _VERDICT_LINE.sub("", chain)


def _reads_as(chain: str, labels: Sequence[int], steps: int) -> bool:
    expected = [*labels, *[UNDECIDED] * (steps - len(labels))]
    return read_verdicts(chain, steps) == expected and not any(stop in chain for stop in STOPS)
