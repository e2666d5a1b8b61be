"""Making problems: deterministic for a split, a count and a seed, and never the same text twice."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from genprm.miniature.world.names import CONTAINERS, THINGS, Split, draw_people, is_held_out
from genprm.miniature.world.problems import (
    GAIN_VERBS,
    LARGEST_VALUE,
    LOSS_VERBS,
    OPERATIONS,
    Fact,
    MiniatureProblem,
    plan,
    problem_text,
    read_problem,
)

STEP_COUNTS = (2, 3, 3, 4, 4, 5, 5, 6)
MOST_FACTS = 9
# Who gives and who takes is the hardest thing to read for a model of this size.
GIFT_SHARE = 0.1


def generate_problems(split: Split | str, n: int, seed: int = 0) -> list[MiniatureProblem]:
    """`n` different problems of a split.

    Problems of `evaluation` use names that the other splits do not have, and each needs at least one sum or
    difference that no training problem contains; `foundation` and `pipeline` never need a held-out calculation.
    """
    rng = random.Random(f"{Split(split)}-{seed}")
    problems: dict[str, MiniatureProblem] = {}
    while len(problems) < n:
        problem = draw_problem(rng, Split(split))
        problems.setdefault(problem.text, problem)
    return list(problems.values())


def draw_problem(rng: random.Random, split: Split = Split.FOUNDATION, steps: int = 0) -> MiniatureProblem:
    """One random problem of a split with `steps` calculations (0: two to six)."""
    while True:
        problem = _Sketch(rng, split, steps or rng.choice(STEP_COUNTS)).problem()
        if problem is None:
            continue
        held_out = any(is_held_out(step.left, step.op, step.right) for step in problem.gold)
        if held_out == (split is Split.EVALUATION):
            return problem


def with_other_people(rng: random.Random, problem: MiniatureProblem) -> MiniatureProblem:
    """The same foundation problem with other people in it. Its solutions name nobody and stay as they are."""
    people = sorted({fact.who for fact in problem.facts} | {fact.other for fact in problem.facts if fact.other})
    others = dict(zip(people, draw_people(rng, Split.FOUNDATION, len(people)), strict=True))
    return read_problem(re.sub(r"[A-Z][a-z]+", lambda word: others.get(word[0], word[0]), problem.text))


class _Sketch:
    """The facts of one problem while they are drawn; `plan` decides afterwards which calculations they need."""

    def __init__(self, rng: random.Random, split: Split, steps: int) -> None:
        self.rng = rng
        self.steps = steps
        self.hero, self.partner, self.stranger = draw_people(rng, split, 3)
        self.thing, self.other_thing = rng.sample(THINGS, 2)
        self.box = rng.choice(CONTAINERS)
        self.facts: list[Fact] = []
        self.value = 0
        self.done = 0

    def problem(self) -> MiniatureProblem | None:
        """The problem, or None where the drawn facts make no valid problem."""
        together = self.rng.random() < 0.25
        left = self.steps - together
        relation = self.rng.random() < (0.7 if together else 0.35)
        before = self.rng.randint(0, left - 1) if relation else left
        person = self.partner if relation else self.hero
        self.start(person)
        if not self.events(person, before):
            return None
        if relation:
            self.relate()
            if not self.events(self.hero, left):
                return None
        elif together:
            amount = self.rng.randint(3, 40)
            fact = Fact("has", self.partner, self.thing, amount, f"{self.partner} has {amount} {self.thing}.")
            self.facts.insert(self.rng.randint(0, len(self.facts) - 1), fact)
        self.distract()
        asked = (self.hero, self.partner) if together else (self.hero,)
        facts = tuple(self.facts)
        gold = plan(facts, asked, self.thing)
        if len(gold) != self.steps or len(facts) > MOST_FACTS:
            return None
        return MiniatureProblem(problem_text(asked, self.thing, facts), self.thing, asked, facts, gold)

    def start(self, who: str) -> None:
        if self.steps > 1 and self.rng.random() < 0.25:
            groups, each = self.rng.randint(2, 9), self.rng.randint(3, 9)
            text = f"{who} has {groups} {self.box} of {each} {self.thing}."
            self.facts.append(Fact("has", who, self.thing, each, text, groups=groups))
            self.value = groups * each
            self.done = 1
        else:
            self.value = self.rng.randint(5, 50)
            self.facts.append(Fact("has", who, self.thing, self.value, f"{who} has {self.value} {self.thing}."))

    def events(self, who: str, until: int) -> bool:
        """Adds facts about one person until `until` steps are needed; False where no such facts were drawn."""
        for _ in range(20):
            if self.done >= until:
                break
            other = self.partner if who == self.hero else self.stranger
            draw: Callable[[str, str], Fact | None] = self.rng.choice(
                [self.more_or_less] * 6 + [self.scaled, self.shared, self.shared]
            )
            fact = draw(who, other)
            if fact is not None:
                self.facts.append(fact)
        return self.done == until

    def move(self, op: str, by: int, cost: int = 1) -> bool:
        value = {"+": self.value + by, "-": self.value - by, "*": self.value * by, "/": self.value // by}[op]
        if not 2 <= value <= LARGEST_VALUE:
            return False
        self.value = value
        self.done += cost
        return True

    def more_or_less(self, who: str, other: str) -> Fact | None:
        rng = self.rng
        op = rng.choice("+-")
        groups, amount = 0, rng.randint(2, 45)
        if rng.random() < 0.2:
            groups, amount = rng.randint(2, 6), rng.randint(2, 9)
        if not self.move(op, (groups or 1) * amount, 2 if groups else 1):
            return None
        goods = f"{groups} {self.box} of {amount} {self.thing}" if groups else f"{amount} {self.thing}"
        if rng.random() < 1 - GIFT_SHARE:
            kind, verbs = ("gain", GAIN_VERBS) if op == "+" else ("loss", LOSS_VERBS)
            return Fact(kind, who, self.thing, amount, f"{who} {rng.choice(verbs)} {goods}.", groups=groups)
        giver, taker = (other, who) if op == "+" else (who, other)
        text = rng.choice([f"{giver} gives {taker} {goods}.", f"{taker} gets {goods} from {giver}."])
        return Fact("give", taker, self.thing, amount, text, groups=groups, other=giver)

    def scaled(self, who: str, _: str) -> Fact | None:
        times = self.rng.randint(2, 5)
        if not self.move("*", times):
            return None
        return Fact("scale", who, self.thing, times, f"{who} now has {times} times as many {self.thing}.")

    def shared(self, who: str, _: str) -> Fact | None:
        parts = [part for part in range(2, 10) if self.value % part == 0 and self.value // part >= 2]
        if not parts:
            return None
        part = self.rng.choice(parts)
        self.move("/", part)
        return Fact("split", who, self.thing, part, f"{who} keeps one of {part} equal parts of the {self.thing}.")

    def relate(self) -> None:
        """Adds a fact that compares the hero's number with the partner's. `plan` refuses values out of range."""
        kind = self.rng.choice(["times", "more", "fewer"])
        amount = self.rng.randint(2, 5) if kind == "times" else self.rng.randint(2, 40)
        middle = "times as many" if kind == "times" else kind
        joint = "as" if kind == "times" else "than"
        text = f"{self.hero} has {amount} {middle} {self.thing} {joint} {self.partner}."
        self.facts.append(Fact(kind, self.hero, self.thing, amount, text, other=self.partner))
        if not self.move(OPERATIONS[kind], amount):
            self.done = 99

    def distract(self) -> None:
        """Facts that do not matter, at any place after the first."""
        for _ in range(self.rng.choice([0, 0, 1, 1, 2])):
            self.facts.insert(self.rng.randint(1, len(self.facts)), self.distraction())

    def distraction(self) -> Fact:
        rng, amount = self.rng, self.rng.randint(2, 45)
        hero, partner, stranger = self.hero, self.partner, self.stranger
        other = self.other_thing
        return rng.choice(
            [
                Fact("has", stranger, self.thing, amount, f"{stranger} has {amount} {self.thing}."),
                Fact("gain", hero, other, amount, f"{hero} {rng.choice(GAIN_VERBS)} {amount} {other}."),
                Fact("loss", hero, other, amount, f"{hero} {rng.choice(LOSS_VERBS)} {amount} {other}."),
                Fact("gain", partner, other, amount, f"{partner} buys {amount} {other}."),
                Fact("give", stranger, other, amount, f"{partner} gives {stranger} {amount} {other}.", 0, partner),
                Fact("loss", stranger, self.thing, amount, f"{stranger} loses {amount} {self.thing}."),
                Fact("walk", hero, "miles", amount, f"{hero} walks {amount} miles."),
            ]
        )
