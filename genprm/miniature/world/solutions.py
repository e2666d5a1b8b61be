"""Writing solutions: the right one, and those of a careless student who makes natural mistakes."""

from __future__ import annotations

import random
from dataclasses import astuple, dataclass

from genprm.miniature.world.names import is_held_out
from genprm.miniature.world.problems import OPERATIONS, Fact, GoldStep, MiniatureProblem, calculate

LARGEST_CLAIM = 999
STEP_SEPARATOR = "\n\n"


@dataclass(frozen=True, slots=True)
class Habits:
    """How often a careless student makes each mistake, as a chance per step (`early` and `extra`: where it can
    happen).
    """

    arith: float = 0.04
    operation: float = 0.03
    quantity: float = 0.03
    fact: float = 0.035
    early: float = 0.015
    extra: float = 0.03

    def scaled(self, factor: float) -> Habits:
        """The same student, `factor` times as careless."""
        return Habits(*(chance * factor for chance in astuple(self)))


def step_text(number: int, work: GoldStep, thing: str, *, boxed: bool, lead: str = "") -> str:
    """The text of one step; `lead` comes after the number."""
    source = f"By ({work.fact})" if work.fact else "Together"
    text = f"Step {number}: {lead}{source}, {work.left} {work.op} {work.right} = {work.value} {thing}."
    return text + (f" The answer is $\\boxed{{{work.value}}}$." if boxed else "")


def right_steps(problem: MiniatureProblem) -> list[str]:
    """The right solution."""
    last = len(problem.gold) - 1
    return [step_text(i + 1, g, problem.thing, boxed=i == last) for i, g in enumerate(problem.gold)]


def slip(rng: random.Random, value: int) -> int:
    """A wrong result in place of `value`, as people and small models get: a lost carry, one off, a wrong digit."""
    while True:
        kind = rng.random()
        if kind < 0.35:
            wrong = value + rng.choice([-10, 10])
        elif kind < 0.7:
            wrong = value + rng.choice([-1, 1, -2, 2])
        else:
            digits = list(str(value))
            digits[rng.randrange(len(digits))] = str(rng.randint(0, 9))
            wrong = int("".join(digits)) if digits[0] != "0" else value
        if wrong != value and 0 < wrong <= LARGEST_CLAIM:
            return wrong


def needs_carry(left: int, op: str, right: int) -> bool:
    """Whether the calculation is one of the hard ones: with a carry, or a product or quotient above the small
    table.
    """
    if op == "+":
        return left % 10 + right % 10 > 9
    if op == "-":
        return left % 10 < right % 10
    return max(left, right) > 9


class Student:
    """Solves one problem, making mistakes by habit and carrying their results along."""

    def __init__(self, rng: random.Random, problem: MiniatureProblem, habits: Habits) -> None:
        self.rng = rng
        self.problem = problem
        self.habits = habits
        self.values: list[int] = []
        self.works: list[GoldStep] = []
        self.wrong: list[bool] = []
        self.boxed = False

    def solve(self, forced: int = -1) -> bool:
        """Works through the problem; a mistake is certain at step `forced`. False where a step was impossible, with
        wrong numbers for instance.
        """
        gold = self.problem.gold
        index = 0
        while index < len(gold) and not self.boxed:
            used = self.step(index, forced=index == forced)
            if not used:
                return False
            index += used
        return True

    def inherited(self, index: int) -> GoldStep | None:
        """The step that belongs here, with the student's own earlier results in it."""
        g = self.problem.gold[index]
        left = g.left if g.left_from is None else self.values[g.left_from]
        right = g.right if g.right_from is None else self.values[g.right_from]
        return self.work(left, g.op, right, g.fact)

    def work(self, left: int, op: str, right: int, fact: int) -> GoldStep | None:
        value = calculate(left, op, right)
        if value is None or not 0 < value <= LARGEST_CLAIM or is_held_out(left, op, right):
            return None
        return GoldStep(left, op, right, value, fact)

    def step(self, index: int, *, forced: bool) -> int:
        """Does the step or a mistake in its place; returns how many right steps it replaces, 0 if impossible."""
        planned = self.inherited(index)
        if planned is None:
            return 0
        last = index == len(self.problem.gold) - 1
        for _ in range(8 if forced else 1):
            kind = self.mistake(planned, last=last, forced=forced)
            if kind == "skip" and not last:
                return self.skip(index, planned)
            if self.make(kind, planned):
                return 1
        if forced:
            return 0
        self.record(planned, wrong=False)
        return 1

    def mistake(self, planned: GoldStep, *, last: bool, forced: bool) -> str | None:
        h = self.habits
        # Hard calculations go wrong more often; the average over the problems stays near the habit.
        arith = h.arith * (1.6 if needs_carry(planned.left, planned.op, planned.right) else 0.4)
        chances = {
            "arith": arith,
            "operation": h.operation,
            "quantity": h.quantity,
            "other": h.fact / 2,
            "skip": h.fact / 2,
        }
        chances["extra" if last else "early"] = h.extra if last else h.early
        total = sum(chances.values())
        draw = self.rng.random() * (total if forced else 1.0)
        for kind, chance in chances.items():
            draw -= chance
            if draw < 0:
                return kind
        return None

    def make(self, kind: str | None, planned: GoldStep) -> bool:
        """Writes the step with this mistake; False where the mistake is not possible here."""
        if kind is None:
            self.record(planned, wrong=False)
            return True
        if kind == "early":
            self.record(planned, wrong=True)
            self.boxed = True
            return True
        if kind == "extra":
            return self.go_on(planned)
        wrong = self.spoiled(kind, planned)
        if wrong is None or wrong.value == planned.value:
            return False
        self.record(wrong, wrong=True)
        return True

    def record(self, work: GoldStep, *, wrong: bool) -> None:
        self.works.append(work)
        self.values.append(work.value)
        self.wrong.append(wrong)

    def spoiled(self, kind: str, planned: GoldStep) -> GoldStep | None:
        rng = self.rng
        left, op, right, fact = planned.left, planned.op, planned.right, planned.fact
        if kind == "arith":
            return GoldStep(left, op, right, slip(rng, planned.value), fact)
        if kind == "operation":
            likely = {"+": "-", "-": "+", "*": rng.choice("+/"), "/": rng.choice("*-")}[op]
            return self.work(left, likely if rng.random() < 0.85 else rng.choice("+-*/"), right, fact)
        if kind == "quantity":
            pool = [f.amount for f in self.problem.facts] + self.values[:-1]
            pool += [f.groups for f in self.problem.facts if f.groups]
            if rng.random() < 0.4:
                return self.work(rng.choice(pool), op, right, fact)
            return self.work(left, op, rng.choice(pool), fact)
        return self.misled(planned)

    def misled(self, planned: GoldStep) -> GoldStep | None:
        """Uses a fact that does not belong here, in the way that its words suggest."""
        number = self.rng.randint(2, len(self.problem.facts))
        fact = self.problem.facts[number - 1]
        if number == planned.fact or fact.kind == "has":
            return None
        current = self.values[-1] if self.values else planned.left
        return self.work(current, self.suggested(fact), fact.amount, number)

    def suggested(self, fact: Fact) -> str:
        if fact.kind == "give":
            return "-" if fact.other in self.problem.asked else "+"
        return OPERATIONS.get(fact.kind) or self.rng.choice("+-")

    def skip(self, index: int, planned: GoldStep) -> int:
        """Leaves one calculation out and does the next one in its place."""
        gold = self.problem.gold
        g, after = gold[index], gold[index + 1]
        kept = planned.left if g.left_from is not None or g.right_from is None else planned.right
        left = kept if after.left_from == index else after.left
        right = kept if after.right_from == index else after.right
        if after.right_from == index and after.left_from is not None:
            left, right = self.values[after.left_from], g.right
        work = self.work(left, after.op, right, after.fact)
        if work is None or work.value == planned.value:
            return 0
        self.record(work, wrong=True)
        self.values.append(work.value)
        return 2

    def go_on(self, planned: GoldStep) -> bool:
        """Finishes, and then uses one more fact."""
        self.record(planned, wrong=False)
        extra = self.misled(GoldStep(0, "+", 0, planned.value, -1))
        if extra is None:
            del self.works[-1], self.values[-1], self.wrong[-1]
            return False
        self.record(extra, wrong=True)
        self.boxed = True
        return True

    def texts(self) -> list[str]:
        """The steps as text; the last one gives the answer."""
        last = len(self.works) - 1
        return [step_text(i + 1, w, self.problem.thing, boxed=i == last) for i, w in enumerate(self.works)]


def careless_steps(
    rng: random.Random, problem: MiniatureProblem, habits: Habits, *, forced: bool = False
) -> tuple[list[str], list[bool]]:
    """A solution with mistakes (at least one if `forced`) and, for each step, whether a mistake was made there."""
    for _ in range(30):
        student = Student(rng, problem, habits)
        if student.solve(rng.randrange(len(problem.gold)) if forced else -1):
            return student.texts(), student.wrong
    return right_steps(problem), [False] * len(problem.gold)


def mistaken_step(rng: random.Random, problem: MiniatureProblem, index: int, habits: Habits) -> list[str]:
    """A mistake in the place of the step at `index`, after right ones.

    Two texts where the mistake is to go on after the last step; empty where no mistake was possible.
    """
    student = Student(rng, problem, habits)
    student.values = [gold.value for gold in problem.gold[:index]]
    used = student.step(index, forced=True)
    if not used:
        return []
    ends = student.boxed or index + used >= len(problem.gold)
    last = len(student.works) - 1
    return [
        step_text(index + 1 + i, work, problem.thing, boxed=ends and i == last)
        for i, work in enumerate(student.works)
    ]
