"""Training documents: conversations in the project's formats, each piece with the weight of its loss.

A document is a list of `(text, weight)` pieces; weight 0 means the model reads the piece and does not learn to
write it. Pieces end at token boundaries.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from genprm.miniature.foundry.analyses import Part, analysis, analysis_text, saying
from genprm.miniature.foundry.tokenizer import END, START
from genprm.miniature.world.generation import MOST_FACTS
from genprm.miniature.world.judge import StepClaim, read_step, same_calculation
from genprm.miniature.world.names import is_held_out
from genprm.miniature.world.problems import LARGEST_VALUE, GoldStep, MiniatureProblem, calculate
from genprm.miniature.world.solutions import (
    STEP_SEPARATOR,
    Habits,
    careless_steps,
    right_steps,
    slip,
    step_text,
)

Piece = tuple[str, float]
Document = list[Piece]

USER, ASSISTANT, TURN_END = f"{START}user\n", f"{START}assistant\n", f"{END}\n"
JUDGE_DIRECTLY = f"{START}system\nJudge directly.{TURN_END}"


def prompt(kind: str, text: str) -> str:
    """The user turn `kind: text` and the opening of the answer."""
    return f"{USER}{kind}: {text}{TURN_END}{ASSISTANT}"


def _joined(steps: Sequence[str], given: int = 0) -> Document:
    """Steps with blank lines between them and the end mark behind; the first `given` are not learnt."""
    document: Document = []
    for index, text in enumerate(steps):
        after = STEP_SEPARATOR if index < len(steps) - 1 else END
        document += [(text, float(index >= given)), (after, 1.0)]
    return document


def solve_document(problem: MiniatureProblem, steps: Sequence[str]) -> Document:
    """A solution, all of it learnt, mistakes included."""
    return [(prompt("Solve", problem.text), 0.0), *_joined(steps)]


def care_document(rng: random.Random, problem: MiniatureProblem, habits: Habits, recovery: float) -> Document:
    """A solution continued from a given beginning, right or wrong; a wrong beginning is repaired with probability
    `recovery`.
    """
    steps, wrong = careless_steps(rng, problem, habits, forced=rng.random() < 0.6)
    first = wrong.index(True) if True in wrong else -1
    if first < 0 or first >= len(problem.gold) or "boxed" in steps[first]:
        given = rng.randrange(len(problem.gold)) if rng.random() < 0.7 else 0
        whole = right_steps(problem)
    elif rng.random() < recovery:
        given = rng.randint(first + 1, min(len(steps) - 1, first + 2))
        whole = steps[:given] + _repair(problem, first, given)
    else:
        given = first + 1
        whole = steps
    return [(prompt("Solve with care", problem.text), 0.0), *_joined(whole, given)]


def _repair(problem: MiniatureProblem, wrong: int, done: int) -> list[str]:
    """The steps that follow `done` steps, of which the first wrong one was at index `wrong`: right steps from that
    index on.
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
    critique = f"Critique of step {wrong + 1}: {analysis_text(problem, wrong, claim)}"
    text = STEP_SEPARATOR.join([problem.text, *steps, critique])
    return [(prompt("Refine", text), 0.0), *_joined(right_steps(problem))]


def plan_document(rng: random.Random, problem: MiniatureProblem) -> Document:
    """The analyses of all steps in a row, or of the step after a given beginning, without a student's step to
    judge.
    """
    last = len(problem.gold) - 1
    if rng.random() < 0.6:
        document: Document = [(prompt("Plan", problem.text), 0.0)]
        for index in range(len(problem.gold)):
            document += _learnt(analysis(problem, index, ends=index == last), GOOD_JUDGE.choice)
            document.append((STEP_SEPARATOR if index < last else END, 1.0))
        return document
    given = rng.randrange(len(problem.gold) + 1)
    text = STEP_SEPARATOR.join([problem.text, *right_steps(problem)[:given]])
    parts = analysis(problem, given, ends=given <= last and rng.random() < 0.5)
    return [(prompt("Plan", text), 0.0), *_learnt(parts, GOOD_JUDGE.choice), (END, 1.0)]


def _learnt(parts: Sequence[Part], decision: float) -> Document:
    return [(text, decision if weight is None else weight) for text, weight in parts]


def recital_document(rng: random.Random, facts: Sequence[str]) -> Document:
    """At most nine facts, then the same facts in another order, word for word: everything else is built on copying.

    Facts of several problems leave nothing to guess: neither the person nor the thing follows from the others.
    """
    chosen = rng.sample(list(facts), min(len(facts), MOST_FACTS))
    question = " ".join(f"({number}) {fact}" for number, fact in enumerate(chosen, 1))
    document: Document = [(prompt("Question", question), 0.0)]
    # The order of the facts is random, so only their texts are learnt.
    for number in rng.sample(range(1, len(chosen) + 1), len(chosen)):
        document += [(f" ({number})", 0.0), (f" {chosen[number - 1]}", 1.0)]
    return document


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

    `slip` is the chance of a wrong mental value (not learnt; the code then overrules it); `hasty` the chance of
    jumping to the fact that the step names and expecting whatever it says; `flip` the chance of the opposite
    verdict; `stress` the weight of decisions where the step is wrong, `choice` where it is right; `verdict` the
    weight of the verdict.
    """

    slip: float = 0.06
    hasty: float = 0.0
    flip: float = 0.0
    stress: float = 3.0
    choice: float = 1.5
    verdict: float = 2.0


GOOD_JUDGE = Judge()
WEAK_JUDGE = Judge(slip=0.0, hasty=0.7, flip=0.03)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a judge expects in the place of one step; `work` is None where it expects no further step."""

    work: GoldStep | None
    last: bool


def expected_at(problem: MiniatureProblem, index: int) -> Expectation:
    """The true expectation at a step of a solution that was right so far."""
    if index >= len(problem.gold):
        return Expectation(None, False)
    return Expectation(problem.gold[index], index == len(problem.gold) - 1)


def verify_document(
    rng: random.Random,
    problem: MiniatureProblem,
    steps: Sequence[str],
    mode: str,
    judge: Judge = GOOD_JUDGE,
    *,
    corrected: bool = False,
) -> Document:
    """The conversation that judges a solution step by step and ends with the first No.

    It also ends before a step that does not have the form of steps (`read_step`). `corrected` steps are each the
    right step or a mistake made in its place after right ones; the conversation then goes on after a No, so that it
    holds several mistakes.
    """
    document: Document = [(JUDGE_DIRECTLY, 0.0)] if mode == "direct" and rng.random() < 0.7 else []
    for index, text in enumerate(steps):
        claim = read_step(text)
        if claim is None:
            break
        question = f"Question: {problem.text}\n\n{text}" if index == 0 else text
        document.append((f"{USER}{question}{TURN_END}{ASSISTANT}", 0.0))
        expectation = expected_at(problem, index)
        right = _is_right(claim, expectation)
        agreement = _agreement(problem, claim) if rng.random() < judge.hasty else None
        expectation = agreement or expectation
        pieces: Document = []
        if mode in ("full", "cot", "text"):
            slips = mode == "full" and claim.boxed is None and rng.random() < judge.slip
            stress = judge.choice if right else judge.stress
            pieces = (
                _hasty_analysis(problem, claim, agreement)
                if agreement
                else _analysis(rng, problem, index, claim, stress, slips=slips)
            )
        verdict, conclusion = _conclude(rng, claim, expectation, mode, judge)
        document += pieces + conclusion + [(END, 1.0), ("\n", 0.0)]
        if not (verdict and right) and not corrected:
            break
    return document


def _is_right(claim: StepClaim, expected: Expectation) -> bool:
    work = expected.work
    return work is not None and work.value == claim.value and (expected.last or claim.boxed is None)


def _agreement(problem: MiniatureProblem, claim: StepClaim) -> Expectation | None:
    """The expectation that agrees with the step; None if its calculation has no result or its fact is missing."""
    value = calculate(claim.left, claim.op, claim.right)
    if value is None or claim.fact > len(problem.facts):
        return None
    return Expectation(GoldStep(claim.left, claim.op, claim.right, value, claim.fact), claim.boxed is not None)


def _conclude(
    rng: random.Random, claim: StepClaim, expected: Expectation, mode: str, judge: Judge
) -> tuple[bool, Document]:
    """The verdict on one step, and the text behind the analysis: code where the mode has it, and the verdict."""
    verdict = _is_right(claim, expected)
    pieces: Document = []
    if mode in ("full", "code", "text"):
        stress = 1.0 if _agrees(claim, expected) else judge.stress
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
    return same_calculation(claim, work)


def _analysis(
    rng: random.Random,
    problem: MiniatureProblem,
    index: int,
    claim: StepClaim,
    stress: float,
    *,
    slips: bool,
) -> Document:
    pieces: Document = [("<analyze>\n", 1.0)]
    pieces += _learnt(analysis(problem, index, ends=claim.boxed is not None), stress)
    if slips and index < len(problem.gold):
        pieces[-2] = (f" {slip(rng, problem.gold[index].value)}", 0.0)
    return [*pieces, (f" {saying(claim)}\n</analyze>\n", 1.0)]


def _hasty_analysis(problem: MiniatureProblem, claim: StepClaim, agreement: Expectation) -> Document:
    """The analysis of a judge that jumps to the fact that the step names."""
    work = agreement.work
    assert work is not None
    source = f"Next is ({work.fact}): {problem.facts[work.fact - 1].text}" if work.fact else "Next is together."
    ending = "and that is all." if agreement.last else "and more is left."
    text = f"{source} So {work.left} {work.op} {work.right} = {work.value} {ending}"
    return [("<analyze>\n", 1.0), (text, 1.0), (f" {saying(claim)}\n</analyze>\n", 1.0)]


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
