"""The search methods once more, from their papers and from what the documentation promises, without genprm.search.

Each is a function from what it has to what it has next, on values that do not change, so that all that can happen
can be enumerated (`enumeration.py`), and what did happen can be gone through again (`replay.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from genprm.settings import SearchSettings

SATURATED = 1e-6


@dataclass(frozen=True, slots=True)
class Part:
    """A solution as far as it is written. `flaw` is the number of its first wrong step; `drawn` counts the steps
    that were sampled behind it."""

    name: tuple[int, ...]
    flaw: int = 0
    rewards: tuple[float, ...] = ()
    length: int = 0
    ended: bool = False
    given_up: bool = False
    refuted: bool = False
    drawn: int = 0

    @property
    def open(self) -> bool:
        return not self.ended and not self.given_up

    @property
    def reward(self) -> float:
        return min(self.rewards, default=0.5)


class Source(Protocol):
    """Where steps come from."""

    def grow(self, part: Part, n: int) -> list[Part]:
        """`n` continuations by one step; none where the context is full."""
        ...

    def start(self, step: int, shares: Sequence[float]) -> float:
        """Where the comb of systematic resampling begins, in [0, 1)."""
        ...


Turned = tuple[Any, list[Part]]
Turn = Callable[[Any, Source, SearchSettings], Turned]
"""From what a method holds to what it holds next (None at the end), and all that it sampled for it."""


def logit(reward: float) -> float:
    inside = max(SATURATED, min(1 - SATURATED, reward))
    return math.log(inside) - math.log1p(-inside)


def digits(reward: float) -> float:
    """Rewards are kept to three digits of their log-odds."""
    return 1 / (1 + math.exp(-round(logit(reward), 3)))


def rank(part: Part) -> tuple[bool, float, float]:
    """A sure No last; then the worst step; then the mean. Nothing judged is as good as 1/2."""
    odds = [round(logit(reward), 3) for reward in part.rewards] or [0.0]
    return not part.refuted, min(odds), round(math.fsum(odds) / len(odds), 9)


def ranked(parts: Iterable[Part]) -> list[Part]:
    return sorted(parts, key=rank, reverse=True)


def kept(grown: Sequence[Part], places: int) -> list[Part]:
    able = [part for part in grown if not part.given_up]
    return ranked([part for part in able if not part.refuted] or able)[:places]


def whole(live: tuple[int, Part], source: Source, settings: SearchSettings) -> Turned:
    """(how many follow, the one that is written): independent solutions, one after the other."""
    left, part = live
    grown = source.grow(part, 1)
    if grown and grown[0].open:
        return (left, grown[0]), grown
    return ((left - 1, Part((part.name[0] + 1,))) if left else None), grown


def beam(live: tuple[int, tuple[Part, ...]], source: Source, settings: SearchSettings) -> Turned:
    """(places, partial solutions). Snell et al. 2408.03314, 5.2: N first steps, the best M stay, N / M for each."""
    places, parts = live
    grown = [child for part in parts for child in source.grow(part, _count(part, settings))]
    best = kept(grown, places)
    places -= sum(part.ended for part in best)
    going_on = tuple(part for part in best if part.open)
    return ((places, going_on) if going_on else None), grown


def _count(part: Part, settings: SearchSettings) -> int:
    return settings.children if part.length else settings.width * settings.children


def dvts(live: Part, source: Source, settings: SearchSettings) -> Turned:
    """Beeching et al. 2024: `width` trees after each other, each of which keeps its best child."""
    grown = source.grow(live, settings.children)
    best = kept(grown, 1)
    if best and best[0].open:
        return best[0], grown
    return _next_root(live, settings), grown


def reset(live: Part, source: Source, settings: SearchSettings) -> Turned:
    """StepWiser 2508.19229: a step that is judged below 1/2 is sampled again; after `tries` the best is taken."""
    grown: list[Part] = []
    accepted: Part | None = None
    for number in range(1 if live.refuted else settings.tries):
        tried = source.grow(replace(live, drawn=number), 1)
        grown += tried
        if not tried:
            break
        if not tried[0].given_up and tried[0].rewards[-1] >= 0.5:
            accepted = tried[0]
            break
    able = [part for part in grown if not part.given_up]
    accepted = accepted or (ranked(able)[0] if able else None)
    if accepted is not None and accepted.open:
        return accepted, grown
    return _next_root(live, settings), grown


def _next_root(part: Part, settings: SearchSettings) -> Part | None:
    number = part.name[0] + 1
    return Part((number,)) if number < settings.width else None


def lookahead(live: tuple[int, tuple[Part, ...]], source: Source, settings: SearchSettings) -> Turned:
    """(places, partial solutions). Snell et al. 2408.03314, 5.2: each new step is ranked by where it leads to."""
    places, parts = live
    grown = [child for part in parts for child in source.grow(part, _count(part, settings))]
    sampled = list(grown)
    candidates = []
    for step in grown:
        there, again = step, step
        for _ in range(settings.lookahead):
            if there.open and not there.refuted:
                found = source.grow(there, 1)
                if there is step:
                    again = replace(step, drawn=1, given_up=not found)
                sampled += found
                there = found[0] if found else replace(there, given_up=True)
        if not again.given_up:
            candidates.append((there, again))
    sound = [pair for pair in candidates if not pair[1].refuted] or candidates
    best = [again for _, again in sorted(sound, key=lambda pair: rank(pair[0]), reverse=True)[:places]]
    places -= sum(part.ended for part in best)
    going_on = tuple(part for part in best if part.open)
    return ((places, going_on) if going_on else None), sampled


Particles = tuple[int, tuple[tuple[Part, float], ...]]


def particles(live: Particles, source: Source, settings: SearchSettings) -> Turned:
    """(step, particles with log weights). Puri et al. 2502.01618: a bootstrap filter, whose likelihood is the odds
    of a step's reward; it draws by a comb when the effective sample size is below the threshold."""
    step, held = live
    grown: list[Part] = []
    children: dict[Part, list[Part]] = {}
    for part, _ in held:
        if part.open and part not in children:
            children[part] = source.grow(part, sum(other == part for other, _ in held))
            grown += children[part]
    temperature = max(1.0, settings.weight_temperature * settings.weight_cooling**step)
    moved = []
    for part, weight in held:
        if part.ended:
            moved.append((part, weight))
        elif part.given_up or not children[part]:
            moved.append((replace(part, given_up=True), weight + logit(0.0) / temperature))
        else:
            child = children[part].pop(0)
            sure = child.given_up or part.refuted
            moved.append((child, weight + logit(0.0 if sure else child.rewards[-1]) / temperature))
    top = max(weight for _, weight in moved)
    scale = math.fsum(math.exp(weight - top) for _, weight in moved)
    shares = [math.exp(weight - top) / scale for _, weight in moved]
    if 1 / math.fsum(share**2 for share in shares) < settings.resample_below * settings.width:
        moved = [(moved[index][0], 0.0) for index in comb(shares, source.start(step, shares))]
    return ((step + 1, tuple(moved)) if any(part.open for part, _ in moved) else None), grown


def comb(shares: Sequence[float], start: float) -> list[int]:
    """Systematic resampling (Kitagawa 1996): tooth i stands at (i + start) / n on the shares laid end to end."""
    found = []
    for tooth in range(len(shares)):
        place, index = (tooth + start) / len(shares), 0
        while index < len(shares) - 1 and math.fsum(shares[: index + 1]) <= place:
            index += 1
        found.append(index)
    return found


def rebase(live: tuple[int, tuple[Part, ...]], source: Source, settings: SearchSettings) -> Turned:
    """(samples, partial solutions). Wu et al. 2408.00724, 3.2: of all samples each gets its share by softmax, and a
    solution that has ended takes one with it."""
    samples, parts = live
    counts = shared([part.reward for part in parts], samples, settings.balance)
    grown = [
        child
        for part, count in zip(parts, counts, strict=True)
        for child in (source.grow(part, count) if count else ())
    ]
    samples -= sum(part.ended for part in grown)
    going_on = tuple(part for part in grown if part.open)
    return ((samples, going_on) if going_on and samples > 0 else None), grown


def shared(rewards: Sequence[float], samples: int, balance: float) -> list[int]:
    """Largest remainder: whole shares first, then one by one to whoever lacks most, the first of equals."""
    scale = math.fsum(math.exp(reward / balance) for reward in rewards)
    exact = [samples * math.exp(reward / balance) / scale for reward in rewards]
    counts = [int(share + 1e-9) for share in exact]
    while sum(counts) < samples:
        lacks = [round(share - count, 9) for share, count in zip(exact, counts, strict=True)]
        counts[lacks.index(max(lacks))] += 1
    return counts


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the tree of PUCT."""

    part: Part
    visits: int = 0
    total: float = 0.0
    children: tuple[Place, ...] = ()

    @property
    def worth(self) -> float:
        return 0.0 if self.part.given_up else self.part.reward


def puct(live: tuple[int, Place], source: Source, settings: SearchSettings) -> Turned:
    """(descents left, tree). AlphaZero's rule with equal priors; a leaf is worth its best new child."""
    left, root = live
    root, _, grown = _descend(root, source, settings)
    return (left - 1, root), grown


def _descend(place: Place, source: Source, settings: SearchSettings) -> tuple[Place, float, list[Part]]:
    grown: list[Part] = []
    if place.children:
        scores = [_score(child, place, settings.exploration) for child in place.children]
        taken = scores.index(max(scores))
        child, value, grown = _descend(place.children[taken], source, settings)
        place = replace(place, children=(*place.children[:taken], child, *place.children[taken + 1 :]))
    elif place.part.open:
        grown = source.grow(place.part, settings.children)
        place = replace(
            place, children=tuple(map(Place, grown)), part=replace(place.part, given_up=not grown, drawn=len(grown))
        )
        value = max((child.worth for child in place.children), default=place.worth)
    else:
        value = place.worth
    return replace(place, visits=place.visits + 1, total=place.total + value), value, grown


def _score(child: Place, parent: Place, exploration: float) -> float:
    mean = child.total / child.visits if child.visits else child.worth
    return mean + exploration * (1 / len(parent.children)) * math.sqrt(parent.visits) / (1 + child.visits)


def choose(finished: Sequence[Part], how: str) -> Part:
    """The solution that is taken; of equals the first by name."""
    in_order = sorted(finished, key=lambda part: part.name)
    if how == "best":
        return max(in_order, key=rank)
    flaws = list(dict.fromkeys(part.flaw for part in in_order))

    def votes(flaw: int) -> float:
        return math.fsum(1.0 if how == "majority" else part.reward for part in in_order if part.flaw == flaw)

    winner = max(flaws, key=votes)
    return max((part for part in in_order if part.flaw == winner), key=rank)


def furthest(parts: Iterable[Part]) -> Part | None:
    """Whom the policy alone writes to its end where nothing was finished: not refuted, long, good, first."""
    going = [part for part in parts if part.open and not part.drawn]
    in_order = sorted(going, key=lambda part: part.name)
    return max(in_order, key=lambda part: (not part.refuted, part.length, rank(part)), default=None)


ROOT = Part((0,))


@dataclass(frozen=True)
class Method:
    """A turn of it, what it begins with, how it chooses, and when it is over."""

    turn: Turn
    begin: Callable[[SearchSettings], Any]
    choice: str | None = None
    over: Callable[[Any], bool] = lambda live: live is None

    def chooses(self, settings: SearchSettings) -> str:
        """How it chooses: as it says itself, else as the settings say."""
        return self.choice or settings.choose


METHODS = {
    "best-of-n": Method(whole, lambda settings: (settings.width - 1, ROOT), "best"),
    "vote": Method(whole, lambda settings: (settings.width - 1, ROOT), "vote"),
    "majority": Method(whole, lambda settings: (settings.width - 1, ROOT), "majority"),
    "beam": Method(beam, lambda settings: (settings.width, (ROOT,))),
    "dvts": Method(dvts, lambda settings: ROOT),
    "lookahead": Method(lookahead, lambda settings: (settings.width, (ROOT,))),
    "particles": Method(particles, lambda settings: (0, ((ROOT, 0.0),) * settings.width)),
    "rebase": Method(rebase, lambda settings: (settings.width * settings.children, (ROOT,)), "vote"),
    "puct": Method(puct, lambda settings: (settings.simulations, Place(ROOT)), over=lambda live: not live[0]),
    "reset": Method(reset, lambda settings: ROOT),
}
"""`width` is the number of solutions of the first three."""
