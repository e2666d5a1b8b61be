"""A policy and a judge that follow a script, so that a search can be worked out with pencil and paper.

A script has, by the letters of the steps before, the steps that are sampled there one after the other: a letter and
`=` reward, or the letter alone where the step must not be judged. `!` ends the solution (what follows is its
answer), `~` cuts the step short, and `#` leaves no room for another.

>>> Script({"": "a=.9 b=.4!42 c~"}).steps("")
[('a', 0.9, ''), ('b', 0.4, '!42'), ('c', None, '~')]
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from genprm.engines.base import ContextFull
from genprm.search.base import Searcher, SearchResult
from genprm.search.roles import JudgedPath, StepJudgement
from genprm.settings import SearchSettings
from genprm.step_sampler import SampledStep
from tests.genprm.search.toy_process import Answers

_STEP = re.compile(r"(\w)(?:=([.\d]+))?(!\w*|~|#)?")


@dataclass
class Script:
    """Follows `script`. Every step costs `tokens` to write and `judging` to judge."""

    script: Mapping[str, str]
    tokens: int = 0
    judging: int = 0
    asked: list[tuple[str, int]] = field(default_factory=list)
    """By the letters before: how many steps were asked for."""
    judged: list[str] = field(default_factory=list)
    taken: Counter[str] = field(default_factory=Counter)

    def steps(self, before: str) -> list[tuple[str, float | None, str]]:
        found = [_STEP.fullmatch(word) for word in self.script[before].split()]
        return [(one[1], float(one[2]) if one[2] else None, one[3] or "") for one in found if one]

    async def next_step(self, problem: str, steps: Sequence[str], n: int, seed: int) -> list[SampledStep]:
        before = letters(steps)
        self.asked.append((before, n))
        if steps and "#" in steps[-1]:
            raise ContextFull("no room")
        first = self.taken[before]
        self.taken[before] += n
        chosen = self.steps(before)[first : first + n]
        assert len(chosen) == n, f"the script has no {first + n} steps after {before!r}"
        return [self._sampled(letter, mark) for letter, _, mark in chosen]

    def _sampled(self, letter: str, mark: str) -> SampledStep:
        text = f"{letter} \\boxed{{{mark[1:]}}}" if mark[1:] else letter + mark
        return SampledStep(text, mark.startswith("!"), mark == "~", self.tokens, 0)

    def start(self, problem: str) -> JudgedPath:
        return _Path(self, "")

    def reward(self, path: str) -> float:
        (reward,) = [reward for letter, reward, _ in self.steps(path[:-1]) if letter == path[-1]]
        assert reward is not None, f"{path} is not to be judged"
        self.judged.append(path)
        return reward


class _Path:
    def __init__(self, script: Script, path: str) -> None:
        self._script = script
        self._path = path

    async def judge(self, step: str) -> StepJudgement:
        self._path += step[0]
        return StepJudgement(self._script.reward(self._path), 0, self._script.judging)

    def fork(self) -> JudgedPath:
        return _Path(self._script, self._path)

    async def close(self) -> None:
        return None


def letters(steps: Sequence[str]) -> str:
    return "".join(step[0] for step in steps)


async def follow(
    method: str, script: Script, budget: int = 1, seed: int = 0, **settings: object
) -> tuple[str, list[str], SearchResult]:
    """What is chosen, and all that was finished, by letters. Where steps cost nothing there is one round."""
    result = await Searcher(script, script, Answers()).search(
        "problem", method, budget, SearchSettings.model_validate(settings), seed
    )
    chosen = "" if result.chosen is None else letters(result.chosen.steps)
    return chosen, [letters(found.steps) for found in result.candidates], result
