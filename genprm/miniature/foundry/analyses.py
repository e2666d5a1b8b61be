"""What a judge writes before its verdict: a walk through the facts up to the one that counts, and the calculation.

Each fact is copied before the judge decides about it, so that no decision is about a sentence that is not there
yet. The walk continues where the one for the step before ended. The analysis of a step that gives the answer ends
with a look at the facts that are left.
"""

from __future__ import annotations

from genprm.miniature.world.judge import StepClaim
from genprm.miniature.world.problems import MiniatureProblem

# Text and the weight of its loss; None for a decision, whose weight depends on the judge.
Part = tuple[str, float | None]
# Weight of facts that do not count: they are rarer and look like those that do, so they are most easily miscopied.
_ODD = 2.5
COUNTS, DOES_NOT = " Yes.", " No."


def saying(claim: StepClaim) -> str:
    """What the step says, in the words of an analysis."""
    return f"The step says {claim.value}{' and ends' if claim.boxed is not None else ''}."


def starts(problem: MiniatureProblem) -> frozenset[int]:
    """The numbers of the facts that give the first amount of a person who matters."""
    people = set(problem.asked)
    for fact in reversed(problem.facts):
        if fact.kind in ("times", "more", "fewer") and fact.thing == problem.thing and fact.who in people:
            people.add(fact.other)
    return frozenset(
        number
        for number, fact in enumerate(problem.facts, 1)
        if fact.kind == "has" and not fact.groups and fact.thing == problem.thing and fact.who in people
    )


def walk(problem: MiniatureProblem, index: int) -> list[Part]:
    """The walk from the fact of the calculation before `index` to the fact of the one at `index`, or to the end."""
    gold = problem.gold
    used = gold[index - 1].fact if index else 0
    wanted = gold[index].fact if index < len(gold) else 0
    if index and not used:
        return []
    first = used if used and wanted == used else used + 1
    beginnings = starts(problem)
    parts: list[Part] = []
    for number in range(first, (wanted or len(problem.facts)) + 1):
        counts = number == wanted or number in beginnings
        parts += [(f" ({number})", 1.0), (f" {problem.facts[number - 1].text}", 1.0 if counts else _ODD)]
        if number not in beginnings:
            parts.append((COUNTS if counts else DOES_NOT, None))
    if index < len(gold) and not wanted:
        parts.append((" Together.", None))
    return parts


def rest(problem: MiniatureProblem, index: int) -> list[Part]:
    """The look at the facts left after the calculation at `index`: up to the next that counts, or "All is done"."""
    parts = walk(problem, index + 1)
    if index + 1 >= len(problem.gold):
        parts.append((f" All is done at {problem.answer}.", None))
    return parts


def analysis(problem: MiniatureProblem, index: int, *, ends: bool) -> list[Part]:
    """The true analysis of the step at `index`; `ends` adds the look at the facts that are left."""
    parts: list[Part] = [("Plan:", 1.0), *walk(problem, index)]
    if index >= len(problem.gold):
        return [*parts, (f" All is done at {problem.answer}.", None)]
    gold = problem.gold[index]
    parts += [
        (f" So {gold.left} {gold.op} {gold.right} =", None),
        (f" {gold.value}", 1.0),
        (".", 1.0),
    ]
    return parts + (rest(problem, index) if ends else [])


def analysis_text(problem: MiniatureProblem, index: int, claim: StepClaim | None) -> str:
    """The whole analysis of a step: what is expected here, and what the step says."""
    parts = analysis(problem, index, ends=claim is not None and claim.boxed is not None)
    return "".join(text for text, _ in parts) + (f" {saying(claim)}" if claim else "")
