"""A search that was run, gone through again by its reference on the same steps and rewards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from genprm.seeds import derived_seed
from genprm.settings import SearchSettings
from genprm.step_sampler import SampledStep
from tests.genprm.search.reference import METHODS, Part, choose, digits, furthest
from tests.genprm.search.toy_process import RIGHT_ANSWER, ToyJudge, ToyPolicy, searcher

Name = tuple[int, ...]


@dataclass
class Recorded:
    """A source that gives what `policy` and `judge` gave before; `judge` is None where the method has none. What is
    taken is noted."""

    policy: ToyPolicy
    judge: ToyJudge | None
    settings: SearchSettings
    seed: int
    texts: dict[Name, tuple[str, ...]] = field(default_factory=dict)
    judged: set[tuple[str, ...]] = field(default_factory=set)
    grown: dict[Name, Part] = field(default_factory=dict)
    taken: set[tuple[tuple[str, ...], int]] = field(default_factory=set)
    asked: set[Name] = field(default_factory=set)

    def grow(self, part: Part, n: int, alone: bool = False) -> list[Part]:
        """A request is seeded by the place in the tree and the number of steps sampled there before."""
        steps = self.texts.setdefault(part.name, ())
        request = steps, derived_seed(self.seed, dotted(part.name), part.drawn)
        sampled = self.policy.drawn[request]
        assert len(sampled) == n or not sampled, f"{part.name} was continued {len(sampled)} times, not {n}"
        self.taken.add(request)
        self.asked.add(part.name)
        return [self._child(part, part.drawn + index, step, alone) for index, step in enumerate(sampled)]

    def start(self, step: int, shares: Sequence[float]) -> float:
        return np.random.default_rng(derived_seed(self.seed, problem(self.seed), "0", step)).random()

    def _child(self, part: Part, number: int, step: SampledStep, alone: bool) -> Part:
        texts = (*self.texts[part.name], step.text)
        too_long = not step.ended and len(texts) >= self.settings.max_steps
        child = Part(
            name=(*part.name, number),
            flaw=part.flaw or len(texts) * ("wrong" in step.text),
            rewards=part.rewards,
            length=len(texts),
            ended=step.ended,
            given_up=step.truncated or too_long,
            refuted=part.refuted,
        )
        if self.judge is not None and not (alone or part.refuted or step.truncated):
            reward = digits(self.judge.rewards[texts])
            self.judged.add(texts)
            child = replace(child, rewards=(*part.rewards, reward), refuted=reward < self.settings.sure_no)
        self.texts[child.name] = texts
        self.grown[child.name] = child
        return child


async def right_and_as_the_reference(
    method: str, policy: ToyPolicy, judge: ToyJudge, settings: SearchSettings, seed: int
) -> bool:
    """Whether one round takes a right solution. What it sampled, judged, finished and chose is what the reference
    does with the same steps. Steps cost nothing, or each of `width` solutions costs 1 as it ends."""
    budget = settings.width if policy.at_end else 1
    result = await searcher(policy, judge).search(problem(seed), method, budget, settings, seed)
    reference = METHODS[method]
    source = Recorded(policy, None if method == "majority" else judge, settings, seed)
    live = reference.begin(settings)
    while not reference.over(live):
        live, _ = reference.turn(live, source, settings)
    finished = sorted(
        [part for part in source.grown.values() if part.ended] or _written_alone(source), key=lambda part: part.name
    )
    assert [dotted(part.name) for part in finished] == [found.name for found in result.candidates]
    for part, found in zip(finished, result.candidates, strict=True):
        assert np.allclose(part.rewards, found.rewards, rtol=1e-12)
    sampled = {request for request, steps in policy.drawn.items() if steps}
    assert sampled <= source.taken, "nothing is sampled besides; a full context may be found out twice"
    assert sorted(judge.judged) == sorted(source.judged), "each step is judged once, and none after a sure No"
    if not finished:
        assert result.chosen is None
        return False
    chosen = choose(finished, reference.chooses(settings))
    assert result.chosen is not None
    assert result.chosen.name == dotted(chosen.name)
    assert (result.chosen.answer == RIGHT_ANSWER) == (not chosen.flaw)
    return not chosen.flaw


def _written_alone(source: Recorded) -> list[Part]:
    """Nothing was finished: the policy writes the best partial solution, or a new one, to its end."""
    trees = 1 + max(name[0] for name in source.texts)
    part = furthest(part for name, part in source.grown.items() if name not in source.asked) or Part((trees,))
    while part.open:
        grown = source.grow(part, 1, alone=True)
        part = grown[0] if grown else replace(part, given_up=True)
    return [part] if part.ended else []


def problem(seed: int) -> str:
    return f"problem {seed}"


def dotted(name: Name) -> str:
    return ".".join(map(str, name))
