"""Exact accuracies of the reference methods: every outcome of a toy process, with its probability."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

from genprm.settings import SearchSettings
from tests.genprm.search.reference import METHODS, Part, choose, digits, furthest
from tests.genprm.search.toy_process import Process

T = TypeVar("T")


@dataclass
class Chooser:
    """Takes the outcomes of one run in the order in which they come up: those of `taken`, then the first ones."""

    taken: list[int]

    def __post_init__(self) -> None:
        self.sizes: list[int] = []
        self.probability = 1.0

    def pick(self, outcomes: Sequence[tuple[float, T]]) -> T:
        number = len(self.sizes)
        self.sizes.append(len(outcomes))
        if number == len(self.taken):
            self.taken.append(0)
        probability, outcome = outcomes[self.taken[number]]
        self.probability *= probability
        return outcome


def all_runs(run: Callable[[Chooser], T]) -> Iterator[tuple[float, T]]:
    """What every run gives, with its probability."""
    taken: list[int] = []
    while True:
        chooser = Chooser(taken)
        result = run(chooser)
        yield chooser.probability, result
        while taken and taken[-1] + 1 == chooser.sizes[len(taken) - 1]:
            taken.pop()
        if not taken:
            return
        taken[-1] += 1


class Judging(NamedTuple):
    """A judge by its kind; a random one gives each of `levels` with the same probability, whatever it is shown."""

    kind: str
    levels: tuple[float, ...] = (0.3, 0.8)


class Outcome(NamedTuple):
    wrong: bool
    ended: bool
    reward: float


@dataclass
class AllOutcomes:
    """A source whose steps are picked by a chooser. Where `hidden`, right and wrong steps are not told apart: the
    judge does not see which are, so that a solution of n steps is right with probability p ** n."""

    chooser: Chooser
    process: Process
    judging: Judging
    sure_no: float
    hidden: bool

    def grow(self, part: Part, n: int) -> list[Part]:
        outcomes = self._outcomes(part)
        return [self._child(part, part.drawn + index, self.chooser.pick(outcomes)) for index in range(n)]

    def start(self, step: int, shares: Sequence[float]) -> float:
        """Between two places at which a tooth of the comb passes from one share to the next, nothing changes."""
        count, ends = len(shares), [math.fsum(shares[: index + 1]) for index in range(len(shares))]
        passing = {0.0, 1.0} | {(count * end) % 1.0 for end in ends}
        return self.chooser.pick([(high - low, (low + high) / 2) for low, high in pairwise(sorted(passing))])

    def _outcomes(self, part: Part) -> list[tuple[float, Outcome]]:
        ends, right = self.process.ends[part.length], self.process.right
        rights = [(1.0, False)] if self.hidden or part.flaw else [(right, False), (1 - right, True)]
        return [
            (chance * ending * level, Outcome(wrong, ended, reward))
            for chance, wrong in rights
            for ending, ended in ((ends, True), (1 - ends, False))
            for level, reward in self._rewards(part, wrong)
            if ending
        ]

    def _rewards(self, part: Part, wrong: bool) -> list[tuple[float, float]]:
        """A perfect judge says No to the first wrong step; what follows it is not judged."""
        if self.judging.kind == "perfect":
            return [(1.0, float(not wrong))]
        if self.judging.kind == "saturated" or part.refuted:
            return [(1.0, 1.0)]
        return [(1 / len(self.judging.levels), level) for level in self.judging.levels]

    def _child(self, part: Part, number: int, outcome: Outcome) -> Part:
        length, judged = part.length + 1, digits(outcome.reward)
        return Part(
            name=(*part.name, number),
            flaw=part.flaw or (length if outcome.wrong else 0),
            rewards=part.rewards if part.refuted else (*part.rewards, judged),
            length=length,
            ended=outcome.ended,
            refuted=part.refuted or judged < self.sure_no,
        )


def accuracy(name: str, process: Process, judging: Judging, settings: SearchSettings) -> float:
    """The probability that the method called `name` takes a right solution after one round."""
    method = METHODS[name]
    choice = method.chooses(settings)
    hidden = _is_hidden(judging, choice)
    going: dict[tuple[Any, tuple[Part, ...]], float] = {(method.begin(settings), ()): 1.0}
    total, right = 0.0, 0.0
    while going:
        following: dict[tuple[Any, tuple[Part, ...]], float] = defaultdict(float)
        for (live, finished), probability in going.items():

            def turn(chooser: Chooser, live: Any = live) -> tuple[Any, list[Part]]:
                source = AllOutcomes(chooser, process, judging, settings.sure_no, hidden)
                return method.turn(live, source, settings)

            for chance, (after, grown) in all_runs(turn):
                ends = (*finished, *(part for part in grown if part.ended))
                following[_alike(after, _as_few(ends, choice))] += probability * chance
        going = {}
        for (live, finished), probability in following.items():
            if not method.over(live):
                going[live, finished] = probability
                continue
            total += probability
            chosen = choose(finished, choice) if finished else furthest(_parts(live))
            so_far = process.right**chosen.length if hidden else not chosen.flaw
            right += probability * so_far * (1.0 if chosen.ended else _rest(process, chosen.length))
    assert abs(total - 1) < 1e-9, f"{name}: all outcomes have probability {total}"
    return right


def _is_hidden(judging: Judging, choice: str) -> bool:
    return judging.kind != "perfect" and choice == "best"


def _rest(process: Process, length: int) -> float:
    """The probability that the policy alone goes on rightly to the end."""
    ends = process.ends[length]
    return process.right * (ends + (1 - ends) * (_rest(process, length + 1) if ends < 1 else 0.0))


def _as_few(finished: tuple[Part, ...], choice: str) -> tuple[Part, ...]:
    """The same choice from fewer: the best, or for a vote one solution per answer with the votes of all of them."""
    if choice == "best" and finished:
        return (choose(finished, choice),)
    if choice != "vote":
        return finished
    merged: dict[int, Part] = {}
    for part in sorted(finished, key=lambda part: part.name):
        first = merged.setdefault(part.flaw, replace(part, rewards=(0.0,)))
        merged[part.flaw] = replace(first, rewards=(round(first.reward + part.reward, 9),))
    return tuple(merged.values())


def _alike(live: Any, finished: tuple[Part, ...]) -> tuple[Any, tuple[Part, ...]]:
    """The same for all that go on alike: of names only their order counts, and of rewards not even that. The number
    of a tree, or of a solution, stays: the next one is counted from it."""
    parts = sorted(set(_parts((live, finished))), key=_place)
    alike = {
        part: replace(
            part,
            name=(part.name[0], place),
            rewards=tuple(sorted(part.rewards)),
            drawn=min(part.drawn, 1),
        )
        for place, part in enumerate(parts)
    }
    new_live, new_finished = _renamed((live, finished), alike)
    return new_live, new_finished


def _place(part: Part) -> tuple[int, ...]:
    """Of one that goes on, the place of the next child."""
    return (*part.name, part.drawn) if part.open else part.name


def _parts(value: Any) -> Iterator[Part]:
    if isinstance(value, Part):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from _parts(one)
    elif is_dataclass(value):
        for one in fields(value):
            yield from _parts(getattr(value, one.name))


def _renamed(value: Any, names: dict[Part, Part]) -> Any:
    if isinstance(value, Part):
        return names.get(value, value)
    if isinstance(value, tuple):
        return tuple(_renamed(one, names) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: _renamed(getattr(value, one.name), names) for one in fields(value)})
    return value
