"""Word problems of the miniature world: a question, numbered facts, and the calculations that answer it.

A problem reads ``How many pens does Tamilo have in the end? (1) Tamilo has 5 pens. (2) Tamilo buys 7 pens.
...``. The facts happen in the order of their numbers. Some of them do not matter (another person, another
thing, a walk). The calculations that answer the question follow from the facts alone (`plan`), each from the
one before it, so there is exactly one right order and every step of a solution is either right or wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

LARGEST_VALUE = 120
SMALLEST_VALUE = 2
GAIN_VERBS = ("buys", "finds")
LOSS_VERBS = ("sells", "loses")


class UnreadableProblemError(ValueError):
    """The text is not a problem of the miniature world."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One numbered sentence. `kind`: has, gain, loss, give, scale, split, times, more, fewer or walk.

    `who` is the person it happens to (of a gift: the receiver), `other` the giver or the person compared with.
    `groups` > 0 means ``groups boxes of amount things``.
    """

    kind: str
    who: str
    thing: str
    amount: int
    text: str
    groups: int = 0
    other: str = ""


@dataclass(frozen=True, slots=True)
class GoldStep:
    """One necessary calculation, or what a student does in its place.

    `fact` is the number of its fact, 0 for adding the two people up at the end.
    `left_from` and `right_from` are the indices of the steps whose results are used, or None for a number that
    a fact states.
    """

    left: int
    op: str
    right: int
    value: int
    fact: int
    left_from: int | None = None
    right_from: int | None = None


@dataclass(frozen=True, slots=True)
class MiniatureProblem:
    """A problem with everything that follows from its text."""

    text: str
    thing: str
    asked: tuple[str, ...]
    facts: tuple[Fact, ...]
    gold: tuple[GoldStep, ...]

    @property
    def answer(self) -> str:
        """The number asked for, as text."""
        return str(self.gold[-1].value)


def calculate(left: int, op: str, right: int) -> int | None:
    """The exact result; None where a division does not come out even or the result is negative."""
    if op == "+":
        return left + right
    if op == "-":
        return left - right if left >= right else None
    if op == "*":
        return left * right
    return left // right if right and left % right == 0 else None


def question_text(asked: tuple[str, ...], thing: str) -> str:
    """The question in front of the facts."""
    if len(asked) == 1:
        return f"How many {thing} does {asked[0]} have in the end?"
    return f"How many {thing} do {asked[0]} and {asked[1]} have together in the end?"


def problem_text(asked: tuple[str, ...], thing: str, facts: tuple[Fact, ...]) -> str:
    """The whole problem as one line."""
    numbered = (f"({number}) {fact.text}" for number, fact in enumerate(facts, 1))
    return " ".join([question_text(asked, thing), *numbered])


OPERATIONS = {"gain": "+", "loss": "-", "scale": "*", "split": "/", "times": "*", "more": "+", "fewer": "-"}
"""What facts of these kinds do to an amount."""
_NAME = r"([A-Z][a-z]+)"
_WHO, _OTHER = r"(?P<who>[A-Z][a-z]+)", r"(?P<other>[A-Z][a-z]+)"
_NUMBER, _THING = r"(?P<amount>\d+)", r"(?P<thing>[a-z]+)"
_GOODS = rf"(?:(?P<groups>\d+) (?:boxes|bags|packs|crates) of )?{_NUMBER} {_THING}"
_PATTERNS: list[tuple[str, re.Pattern[str]]] = [
    ("walk", re.compile(rf"{_WHO} walks {_NUMBER} (?P<thing>miles)\.")),
    ("times", re.compile(rf"{_WHO} has {_NUMBER} times as many {_THING} as {_OTHER}\.")),
    ("more", re.compile(rf"{_WHO} has {_NUMBER} more {_THING} than {_OTHER}\.")),
    ("fewer", re.compile(rf"{_WHO} has {_NUMBER} fewer {_THING} than {_OTHER}\.")),
    ("scale", re.compile(rf"{_WHO} now has {_NUMBER} times as many {_THING}\.")),
    ("split", re.compile(rf"{_WHO} keeps one of {_NUMBER} equal parts of the {_THING}\.")),
    ("has", re.compile(rf"{_WHO} has {_GOODS}\.")),
    ("gain", re.compile(rf"{_WHO} (?:buys|finds) {_GOODS}\.")),
    ("loss", re.compile(rf"{_WHO} (?:sells|loses) {_GOODS}\.")),
    ("give", re.compile(rf"{_OTHER} gives {_WHO} {_GOODS}\.")),
    ("give", re.compile(rf"{_WHO} gets {_GOODS} from {_OTHER}\.")),
]


def read_fact(text: str) -> Fact:
    """The fact that a sentence states. Raises UnreadableProblemError."""
    for kind, pattern in _PATTERNS:
        if match := pattern.fullmatch(text):
            said = match.groupdict()
            groups, other = int(said.get("groups") or 0), said.get("other", "")
            return Fact(kind, said["who"], said["thing"], int(said["amount"]), text, groups, other)
    raise UnreadableProblemError(f"not a fact of the miniature world: {text!r}")


_QUESTION = re.compile(
    rf"How many ([a-z]+) (?:does {_NAME} have|do {_NAME} and {_NAME} have together) in the end\? (.+)", re.S
)


def read_problem(text: str) -> MiniatureProblem:
    """The problem that a text states. Raises UnreadableProblemError where it is not one, or has no answer."""
    match = _QUESTION.fullmatch(text.strip())
    if not match:
        raise UnreadableProblemError(f"no question of the miniature world: {text[:80]!r}")
    thing, one, first, second, rest = match.groups()
    asked = (one,) if one else (first, second)
    sentences = re.split(r" ?\(\d+\) ", " " + rest)[1:]
    facts = tuple(read_fact(sentence) for sentence in sentences)
    gold = plan(facts, asked, thing)
    if not gold:
        raise UnreadableProblemError(f"the facts do not answer the question: {text[:80]!r}")
    return MiniatureProblem(text.strip(), thing, asked, facts, gold)


class _Ledger:
    """How many of the asked thing each person has, as the facts are read in order; every change is a step."""

    def __init__(self) -> None:
        self.steps: list[GoldStep] = []
        self.amounts: dict[str, tuple[int, int | None]] = {}

    def step(
        self, left: tuple[int, int | None], op: str, right: tuple[int, int | None], fact: int
    ) -> tuple[int, int]:
        value = calculate(left[0], op, right[0])
        if value is None or not SMALLEST_VALUE <= value <= LARGEST_VALUE:
            # A fault only if the answer depends on it: it is marked here, and `plan` looks at it later.
            value = -1
        self.steps.append(GoldStep(left[0], op, right[0], value, fact, left[1], right[1]))
        return value, len(self.steps) - 1

    def quantity(self, fact: Fact, number: int) -> tuple[int, int | None]:
        if fact.groups:
            return self.step((fact.groups, None), "*", (fact.amount, None), number)
        return fact.amount, None

    def change(self, who: str, op: str, by: tuple[int, int | None], number: int) -> None:
        if who in self.amounts:
            self.amounts[who] = self.step(self.amounts[who], op, by, number)

    def read(self, fact: Fact, number: int) -> None:
        if fact.kind == "has":
            self.amounts[fact.who] = self.quantity(fact, number)
        elif fact.kind in ("gain", "loss"):
            if fact.who in self.amounts:
                self.change(fact.who, OPERATIONS[fact.kind], self.quantity(fact, number), number)
        elif fact.kind == "give":
            quantity = self.quantity(fact, number)
            self.change(fact.other, "-", quantity, number)
            self.change(fact.who, "+", quantity, number)
        elif fact.kind in ("scale", "split"):
            self.change(fact.who, OPERATIONS[fact.kind], (fact.amount, None), number)
        elif fact.other in self.amounts:
            self.amounts[fact.who] = self.step(
                self.amounts[fact.other], OPERATIONS[fact.kind], (fact.amount, None), number
            )


def plan(facts: tuple[Fact, ...], asked: tuple[str, ...], thing: str) -> tuple[GoldStep, ...]:
    """The calculations that answer the question, in order; empty where the facts do not answer it.

    Also empty where a necessary value is outside 2..120 or where the calculations can be done in more than one
    order.
    """
    ledger = _Ledger()
    for number, fact in enumerate(facts, 1):
        if fact.thing == thing:
            ledger.read(fact, number)
    ends = [ledger.amounts[name] for name in asked if name in ledger.amounts]
    if len(ends) != len(asked):
        return ()
    if len(ends) == 2:
        _, last = ledger.step(ends[0], "+", ends[1], 0)
    else:
        last_step = ends[0][1]
        if last_step is None:
            return ()
        last = last_step
    gold = _needed(ledger.steps, last)
    return gold if _in_one_order(gold) and all(step.value > 0 for step in gold) else ()


def _needed(steps: list[GoldStep], last: int) -> tuple[GoldStep, ...]:
    needed: set[int] = set()
    open_steps = [last]
    while open_steps:
        index = open_steps.pop()
        if index not in needed:
            needed.add(index)
            sources = (steps[index].left_from, steps[index].right_from)
            open_steps += [source for source in sources if source is not None]
    place: dict[int | None, int] = {index: position for position, index in enumerate(sorted(needed))}
    return tuple(
        replace(step, left_from=place.get(step.left_from), right_from=place.get(step.right_from))
        for step in (steps[index] for index in sorted(needed))
    )


def _in_one_order(gold: tuple[GoldStep, ...]) -> bool:
    """Whether each step uses the one before it, or counts out the boxes that the next step adds or takes away."""
    for index, step in enumerate(gold):
        if index == 0 or index - 1 in (step.left_from, step.right_from):
            continue
        after = gold[index + 1] if index + 1 < len(gold) else step
        if (after.left_from, after.right_from, after.fact) != (index - 1, index, step.fact):
            return False
    return True
