"""Wrong sentences, made from right ones: it is known that they are wrong, and what belongs in their place."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from genprm.smol.arithmetic import calculation_parts, decimal, value_of
from genprm.smol.sources import Result, given_numbers, origin
from genprm.smol.worked import Calculation, WorkedSentence, WorkedSolution

Kind = Literal["arithmetic", "operand", "operation", "omission", "unit"]
KINDS: tuple[Kind, ...] = ("arithmetic", "operand", "operation", "omission", "unit")

_OTHER_UNITS = {
    "hours": "minutes", "minutes": "hours", "seconds": "minutes", "days": "weeks", "weeks": "days",
    "months": "years", "years": "months", "dollars": "cents", "cents": "dollars", "feet": "inches",
    "inches": "feet", "miles": "yards", "meters": "kilometers", "kilometers": "meters", "pounds": "ounces",
    "ounces": "pounds", "grams": "kilograms", "kilograms": "grams", "liters": "gallons", "gallons": "liters",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """A sentence of a solution with a calculation, and the results of the sentences before it."""

    solution: WorkedSolution
    index: int

    @property
    def sentence(self) -> WorkedSentence:
        """The right sentence."""
        return self.solution.sentences[self.index]

    @property
    def needed(self) -> Calculation:
        """The calculation that belongs here."""
        calculation = self.sentence.calculation
        assert calculation is not None
        return calculation

    @property
    def results(self) -> list[Result]:
        """The results of the sentences before."""
        return results_before(self.solution, self.index)


def results_before(solution: WorkedSolution, index: int) -> list[Result]:
    """The results of the sentences before the one at `index`, each sentence counted as a step."""
    return [
        Result(sentence.calculation.shown, f"step {number}")
        for number, sentence in enumerate(solution.sentences[:index], 1)
        if sentence.calculation is not None
    ]


def mistaken(rng: random.Random, place: Place, kind: Kind) -> WorkedSentence | None:
    """The sentence with a mistake of this kind in it; None where none is possible."""
    calculation = _MISTAKES[kind](rng, place)
    return None if calculation is None else replace(place.sentence, calculation=calculation)


def _arithmetic(rng: random.Random, place: Place) -> Calculation | None:
    """The right calculation with another result, near the right one or with a digit wrong."""
    needed = place.needed
    shown = Fraction(needed.shown)
    near = [shown + by for by in (-10, -2, -1, 1, 2, 10)]
    scaled = [shown * 10, shown / 10, shown + rng.choice((20, 30, 100))]
    values = [value for value in [*near, *scaled] if value > 0 and _differs(value, needed)]
    return replace(needed, shown=decimal(rng.choice(values))) if values else None


def _operand(rng: random.Random, place: Place) -> Calculation | None:
    """The calculation with one number replaced: two times in three by one that comes from nowhere."""
    parts = calculation_parts(place.needed.expression)
    at = rng.choice([index for index, part in enumerate(parts) if part[-1].isdigit()])
    others = list(_unfounded(rng, parts[at], place))
    if rng.random() < 1 / 3:
        known = [*given_numbers(place.solution.problem), *(result.value for result in place.results)]
        others = [number for number in known if number not in parts] or others
    rng.shuffle(others)
    return _first_wrong(place, ([*parts[:at], other, *parts[at + 1 :]] for other in others))


def _unfounded(rng: random.Random, number: str, place: Place) -> Iterator[str]:
    value = Fraction(number)
    near = [decimal(value + by) for by in (-3, -2, -1, 1, 2, 3, 5, 10)]
    for other in [*near, *(str(rng.randint(2, 99)) for _ in range(4))]:
        if Fraction(other) > 0 and origin(other, place.solution.problem, place.results) is None:
            yield other


def _operation(rng: random.Random, place: Place) -> Calculation | None:
    """The calculation with one operator replaced."""
    parts = calculation_parts(place.needed.expression)
    places = [index for index, part in enumerate(parts) if part in "+-*/"]
    changes = [(at, other) for at in places for other in "+-*/" if other != parts[at]]
    rng.shuffle(changes)
    return _first_wrong(place, ([*parts[:at], other, *parts[at + 1 :]] for at, other in changes))


def _omission(rng: random.Random, place: Place) -> Calculation | None:
    """A calculation of three numbers or more without one of them and the operator before it."""
    parts = calculation_parts(place.needed.expression)
    if "(" in parts or len(parts) < 5:
        return None
    ends = list(range(2, len(parts), 2))
    rng.shuffle(ends)
    return _first_wrong(place, (parts[: at - 1] + parts[at + 1 :] for at in ends))


def _unit(rng: random.Random, place: Place) -> Calculation | None:
    """The right calculation with another unit."""
    needed = place.needed
    if not needed.unit:
        return None
    units = {one.calculation.unit for one in place.solution.sentences if one.calculation}
    others = sorted(units - {needed.unit, ""})
    usual = _OTHER_UNITS.get(needed.unit)
    if usual is None and not others:
        return None
    unit = usual if usual is not None and (not others or rng.random() < 0.7) else rng.choice(others)
    return replace(needed, unit=unit, sign="$" if unit == "dollars" else "")


_MISTAKES: dict[Kind, Callable[[random.Random, Place], Calculation | None]] = {
    "arithmetic": _arithmetic,
    "operand": _operand,
    "operation": _operation,
    "omission": _omission,
    "unit": _unit,
}


def _first_wrong(place: Place, candidates: Iterator[Sequence[str]]) -> Calculation | None:
    """The first candidate whose value is positive, has at most two decimals, and is not the right one."""
    for parts in candidates:
        expression = " ".join(parts).replace("( ", "(").replace(" )", ")")
        try:
            value = value_of(expression)
        except ValueError:
            continue
        if value > 0 and (value * 100).denominator == 1 and _differs(value, place.needed):
            return replace(place.needed, expression=expression, shown=decimal(value))
    return None


def _differs(value: Fraction, needed: Calculation) -> bool:
    return abs(value - needed.value) >= Fraction(2, 100) and decimal(value) != needed.shown
