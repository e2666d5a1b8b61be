"""Program truth: which step of a solution is the first wrong one, and in what way.

Used to make and label the foundation data of the small models and to measure. The pipeline never asks it for a
label, a filter or a judgement.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from genprm.miniature.world.problems import GoldStep, MiniatureProblem, calculate, read_problem


@dataclass(frozen=True, slots=True)
class Judgement:
    """`first_error` is the index of the first wrong step, -1 where all are right; `kind` says what is wrong.

    arith: right calculation, wrong result. operation: right numbers, wrong operation. quantity: a wrong number.
    fact: another fact used, or one skipped. early: the answer is given although facts are left. extra: goes on
    although all is done. format: not readable, not finished, or a right value by another calculation, about
    which nothing is claimed.
    """

    first_error: int
    kind: str | None


@dataclass(frozen=True, slots=True)
class StepClaim:
    """What one step says. `fact` is the number it points to, 0 for "Together"; `boxed` the answer, if the step
    gives one.
    """

    left: int
    op: str
    right: int
    value: int
    fact: int
    boxed: int | None


_STEP = re.compile(
    r"Step \d+: (?:Step \d+ is wrong\. )?(?:By \((\d+)\)|(Together)), (\d+) ([-+*/]) (\d+) = (\d+) [a-z]+\."
    r"(?: The answer is \$\\boxed\{(\d+)\}\$\.)?"
)


def read_step(text: str) -> StepClaim | None:
    """What a step says, or None where it does not have the form of a step."""
    match = _STEP.fullmatch(text.strip())
    if not match:
        return None
    fact, _, left, op, right, value, boxed = match.groups()
    return StepClaim(int(left), op, int(right), int(value), int(fact or 0), int(boxed) if boxed else None)


def same_calculation(claim: StepClaim, gold: GoldStep) -> bool:
    """Whether operation and operands are equal; the operands' order matters only where it changes the result."""
    if claim.op != gold.op:
        return False
    given, wanted = (claim.left, claim.right), (gold.left, gold.right)
    return given == wanted or (claim.op in "+*" and given[::-1] == wanted)


def judge(problem_text: str, steps: list[str]) -> Judgement:
    """The first wrong step of a solution. Raises UnreadableProblemError where the text is not a problem of this
    world.
    """
    return judge_problem(read_problem(problem_text), steps)


def judge_problem(problem: MiniatureProblem, steps: list[str]) -> Judgement:
    """`judge` for a problem that is already read."""
    gold = problem.gold
    for index, text in enumerate(steps):
        kind = _fault(read_step(text), gold[index] if index < len(gold) else None, index == len(gold) - 1)
        if kind:
            return Judgement(index, kind)
    last = read_step(steps[-1]) if steps else None
    if last is None or last.boxed is None:
        return Judgement(max(len(steps) - 1, 0), "format")
    return Judgement(-1, None)


def _fault(claim: StepClaim | None, gold: GoldStep | None, last: bool) -> str | None:
    if claim is None:
        return "format"
    if gold is None:
        return "extra"
    if not same_calculation(claim, gold):
        return _wrong_calculation(claim, gold)
    if claim.value != gold.value:
        return "arith"
    if claim.fact != gold.fact or claim.boxed not in (None, claim.value):
        return "format"
    return "early" if claim.boxed is not None and not last else None


def _wrong_calculation(claim: StepClaim, gold: GoldStep) -> str:
    if gold.value in (claim.value, calculate(claim.left, claim.op, claim.right)):
        return "format"
    if claim.fact != gold.fact:
        return "fact"
    return "operation" if {claim.left, claim.right} == {gold.left, gold.right} else "quantity"
