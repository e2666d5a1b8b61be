"""Training documents: conversations in the project's formats, each piece with the weight of its loss.

A document is a list of `(text, weight)` pieces; weight 0 means the model reads the piece and does not learn to
write it. Pieces end at token boundaries.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from genprm.miniature.judge import StepClaim, read_step, same_calculation
from genprm.miniature.names import is_held_out
from genprm.miniature.problems import LARGEST_VALUE, GoldStep, MiniatureProblem, calculate
from genprm.miniature.solutions import (
    STEP_SEPARATOR,
    Habits,
    Work,
    careless_steps,
    right_steps,
    slip,
    step_text,
)
from genprm.miniature.tokenizer import END, START

Piece = tuple[str, float]
Document = list[Piece]

USER, ASSISTANT, TURN_END = f"{START}user\n", f"{START}assistant\n", f"{END}\n"
JUDGE_DIRECTLY = f"{START}system\nJudge directly.{TURN_END}"
MODES = ("full", "cot", "code", "text", "direct")


def prompt(kind: str, text: str) -> str:
    """The user turn `kind: text` and the opening of the answer."""
    return f"{USER}{kind}: {text}{TURN_END}{ASSISTANT}"


def _joined(pieces: Sequence[str], weights: Sequence[float]) -> Document:
    """Steps or analyses with blank lines between them and the end mark behind."""
    document: Document = []
    for index, (text, weight) in enumerate(zip(pieces, weights, strict=True)):
        after = STEP_SEPARATOR if index < len(pieces) - 1 else END
        document += [(text, weight), (after, 1.0)]
    return document


def solve_document(problem: MiniatureProblem, steps: Sequence[str]) -> Document:
    """A solution, all of it learnt, mistakes included."""
    return [(prompt("Solve", problem.text), 0.0), *_joined(steps, [1.0] * len(steps))]


def care_document(rng: random.Random, problem: MiniatureProblem, habits: Habits, recovery: float) -> Document:
    """A solution finished from a given beginning, which is right or wrong; a wrong one is repaired in a share
    `recovery`.
    """
    steps, wrong = careless_steps(rng, problem, habits, forced=rng.random() < 0.5)
    first = wrong.index(True) if True in wrong else -1
    if first < 0 or first >= len(problem.gold) or "boxed" in steps[first]:
        given = rng.randrange(len(problem.gold)) if rng.random() < 0.7 else 0
        rest = right_steps(problem)
        weights = [0.0] * given + [1.0] * (len(rest) - given)
    elif rng.random() < recovery:
        given = rng.randint(first + 1, min(len(steps) - 1, first + 2))
        rest = steps[:given] + _repaired(problem, first, given)
        weights = [0.0] * given + [1.0] * (len(rest) - given)
    else:
        rest = steps
        weights = [0.0] * (first + 1) + [1.0] * (len(steps) - first - 1)
    return [(prompt("Solve with care", problem.text), 0.0), *_joined(rest, weights)]


def _repaired(problem: MiniatureProblem, wrong: int, done: int) -> list[str]:
    """The steps after `done` steps of which the one at index `wrong` was the first wrong one: from there again,
    rightly.
    """
    texts = []
    for offset, gold in enumerate(problem.gold[wrong:]):
        lead = f"Step {wrong + 1} is wrong. " if offset == 0 else ""
        last = wrong + offset == len(problem.gold) - 1
        texts.append(step_text(min(done + offset + 1, 9), gold, problem.thing, boxed=last, lead=lead))
    return texts


def refine_document(problem: MiniatureProblem, steps: Sequence[str], wrong: int) -> Document:
    """A wrong solution with the analysis of its first wrong step, and the right solution as the answer."""
    claim = read_step(steps[wrong])
    gold = problem.gold[wrong] if wrong < len(problem.gold) else None
    critique = f"Critique of step {wrong + 1}: {analysis_text(problem, gold, claim)}"
    text = STEP_SEPARATOR.join([problem.text, *steps, critique])
    answer = right_steps(problem)
    return [(prompt("Refine", text), 0.0), *_joined(answer, [1.0] * len(answer))]


def plan_document(rng: random.Random, problem: MiniatureProblem) -> Document:
    """The analyses of the steps in a row, or of the one after a given beginning, without any student's step in
    sight.
    """
    analyses = [
        _expectation(problem, gold, index == len(problem.gold) - 1) for index, gold in enumerate(problem.gold)
    ]
    if rng.random() < 0.6:
        return [(prompt("Plan", problem.text), 0.0), *_joined(analyses, [1.0] * len(analyses))]
    given = rng.randrange(len(problem.gold) + 1)
    text = STEP_SEPARATOR.join([problem.text, *right_steps(problem)[:given]])
    answer = analyses[given] if given < len(analyses) else f"All is done at {problem.answer}."
    return [(prompt("Plan", text), 0.0), (answer, 1.0), (END, 1.0)]


def drill_document(rng: random.Random, count: int = 14) -> Document:
    """Bare calculations; only the results are learnt."""
    document: Document = [(f"{USER}Compute:{TURN_END}{ASSISTANT}", 0.0)]
    while len(document) < 3 * count:
        left, op, right = _drill(rng)
        value = calculate(left, op, right)
        if value is None or is_held_out(left, op, right):
            continue
        document += [(f" {left} {op} {right} =", 0.0), (f" {value}", 1.0), (".", 0.0)]
    return [*document, (END, 1.0)]


def _drill(rng: random.Random) -> tuple[int, str, int]:
    op = rng.choice("+++---**//")
    if op == "+":
        right = rng.randint(2, 60)
        return rng.randint(2, LARGEST_VALUE - right), op, right
    if op == "-":
        left = rng.randint(4, LARGEST_VALUE)
        return left, op, rng.randint(2, min(left, 60))
    if op == "*":
        if rng.random() < 0.5:
            return rng.randint(2, 9), op, rng.randint(2, 9)
        right = rng.randint(2, 5)
        return rng.randint(2, LARGEST_VALUE // right), op, right
    right = rng.randint(2, 9)
    return right * rng.randint(2, LARGEST_VALUE // right), op, right


@dataclass(frozen=True, slots=True)
class Judge:
    """How the judge of a verification document behaves.

    `slip` is the chance of a wrong mental value (not learnt; the code then overrules it); `agree` the chance of
    expecting whatever the step says; `flip` the chance of the opposite verdict; `stress` the weight of the
    choice of fact and calculation where the step is wrong, `verdict` the weight of the verdict.
    """

    slip: float = 0.06
    agree: float = 0.0
    flip: float = 0.0
    stress: float = 3.0
    verdict: float = 2.0


GOOD_JUDGE = Judge()
# The verdict is one token in fifty: without the weight the models take minutes to notice that it follows the code.
WEAK_JUDGE = Judge(slip=0.0, agree=0.5, flip=0.03, stress=1.0, verdict=10.0)


def analysis_text(problem: MiniatureProblem, gold: GoldStep | None, claim: StepClaim | None) -> str:
    """The analysis of a step: what is expected here, and what the step says."""
    if gold is None:
        expected = f"All is done at {problem.answer}."
    else:
        expected = _expectation(problem, gold, gold == problem.gold[-1])
    return expected + (f" {_saying(claim)}" if claim else "")


def _saying(claim: StepClaim) -> str:
    return f"The step says {claim.value}{' and ends' if claim.boxed is not None else ''}."


def _source(problem: MiniatureProblem, fact: int) -> str:
    return (
        f"Next is ({fact}): {problem.facts[fact - 1].text}"
        if 0 < fact <= len(problem.facts)
        else "Next is together."
    )


def _expectation(problem: MiniatureProblem, gold: GoldStep | Work, last: bool) -> str:
    calculation = f"{gold.left} {gold.op} {gold.right} = {gold.value}"
    ending = "and that is all." if last else "and more is left."
    return f"{_source(problem, gold.fact)} So {calculation} {ending}"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a judge thinks belongs in the place of one step; `work` is None where nothing does."""

    work: Work | None
    last: bool
    before: str


def expected_at(problem: MiniatureProblem, index: int) -> Expectation:
    """The true expectation at a step of a solution that was right so far."""
    if index >= len(problem.gold):
        return Expectation(None, False, problem.answer)
    g = problem.gold[index]
    return Expectation(Work(g.left, g.op, g.right, g.value, g.fact), index == len(problem.gold) - 1, "")


def verify_document(
    rng: random.Random, problem: MiniatureProblem, steps: Sequence[str], mode: str, judge: Judge = GOOD_JUDGE
) -> Document:
    """The conversation that judges a solution step by step and ends with the first No.

    The steps must have the form of steps (`read_step`), and be right up to the first wrong one.
    """
    document: Document = [(JUDGE_DIRECTLY, 0.0)] if mode == "direct" and rng.random() < 0.7 else []
    for index, text in enumerate(steps):
        claim = read_step(text)
        if claim is None:
            break
        question = f"Question: {problem.text}\n\n{text}" if index == 0 else text
        document.append((f"{USER}{question}{TURN_END}{ASSISTANT}", 0.0))
        expectation = expected_at(problem, index)
        if judge.agree and rng.random() < judge.agree:
            expectation = _agreement(claim, expectation)
        verdict, pieces = _judged(rng, problem, claim, expectation, mode, judge)
        document += [*pieces, (END, 1.0), ("\n", 0.0)]
        if not verdict:
            break
    return document


def _agreement(claim: StepClaim, expectation: Expectation) -> Expectation:
    value = calculate(claim.left, claim.op, claim.right)
    if value is None:
        return expectation
    last = claim.boxed is not None
    return Expectation(Work(claim.left, claim.op, claim.right, value, claim.fact), last, "")


def _judged(
    rng: random.Random, problem: MiniatureProblem, claim: StepClaim, expected: Expectation, mode: str, judge: Judge
) -> tuple[bool, Document]:
    """The verdict on one step and the assistant's turn that reaches it."""
    work = expected.work
    verdict = work is not None and work.value == claim.value and (expected.last or claim.boxed is None)
    stress = 1.0 if _agrees(claim, expected) else judge.stress
    pieces: Document = []
    if mode in ("full", "cot", "text"):
        slips = mode == "full" and rng.random() < judge.slip
        pieces += _analysis(rng, problem, claim, expected, stress, slips=slips)
    if mode in ("full", "code", "text"):
        pieces += _verification(claim, expected, stress, verdict=verdict, learn_output=mode == "text")
    if judge.flip and rng.random() < judge.flip:
        verdict = not verdict
    pieces += [
        ("<output>\n**Judgement**: $\\boxed{", 1.0),
        ("Yes" if verdict else "No", judge.verdict),
        ("}$\n</output>\n", 1.0),
    ]
    return verdict, pieces


def _agrees(claim: StepClaim, expected: Expectation) -> bool:
    work = expected.work
    if work is None or (claim.boxed is not None and not expected.last):
        return False
    return same_calculation(claim, GoldStep(work.left, work.op, work.right, work.value, work.fact))


def _analysis(
    rng: random.Random,
    problem: MiniatureProblem,
    claim: StepClaim,
    expected: Expectation,
    stress: float,
    *,
    slips: bool,
) -> Document:
    pieces: Document = [("<analyze>\n", 1.0)]
    work = expected.work
    if work is None:
        pieces.append((f"All is done at {expected.before}.", stress))
    else:
        value = slip(rng, work.left, work.op, work.right, work.value) if slips else work.value
        ending = " and that is all." if expected.last else " and more is left."
        pieces += [
            (f"{_source(problem, work.fact)} So {work.left} {work.op} {work.right} =", stress),
            (f" {value}", 0.0 if slips else 1.0),
            (ending, stress),
        ]
    return [*pieces, (f" {_saying(claim)}\n</analyze>\n", 1.0)]


def _verification(
    claim: StepClaim, expected: Expectation, stress: float, *, verdict: bool, learn_output: bool
) -> Document:
    work = expected.work
    calculation = "None" if work is None else f"{work.left} {work.op.replace('/', '//')} {work.right}"
    final = f"\nfinal = {expected.last}" if claim.boxed is not None and work is not None else ""
    check = f"\nprint(expected, expected == {claim.value}{' and final' if final else ''})"
    printed = f"{None if work is None else work.value} {verdict}"
    return [
        ("<verify>\n```python\n", 1.0),
        (f"expected = {calculation}{final}", stress),
        (check, 1.0),
        ("\n```\n", 1.0),
        ("[Code Output]\n\n```\n", float(learn_output)),
        (printed, float(learn_output)),
        ("\n```\n", float(learn_output)),
        ("</verify>\n", 1.0),
    ]
