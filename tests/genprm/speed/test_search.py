"""A search and its ceiling ask the same; what the judge's engine computes is held against what judging needs."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from genprm.engines.base import Completion, Engine, Sampling
from genprm.modes import Mode
from genprm.search.solving import policy_settings
from genprm.seeds import derived_seed
from genprm.settings import SearchSettings, VerifierSettings
from genprm.speed.search import Judging, Run, Work, compare, table
from genprm.speed.usage import Usage
from tests.genprm.scripted_engine import _TOKEN, ScriptedEngine
from tests.genprm.scripted_judge import EchoSandbox, reply, verdict

LENGTH = 4
WORK = Work(["What is 1 + 1?", "What is 2 + 2?"], "beam", SearchSettings(width=2, children=3), Mode.FULL)


class Policy(ScriptedEngine):
    """Four steps; each is drawn from the prompt, the seed and the number of the sample."""

    def __init__(self) -> None:
        super().__init__(lambda prompt: self.text)
        self.text = ""
        self.asked: list[tuple[str, int]] = []

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        self.asked.append((prompt, sampling.seed))
        number = prompt.count("Step ")
        ending = "\\boxed{2}" if number == LENGTH else f"so far.\nStep {number + 1}:"
        drawn = []
        for index in range(n):
            draw = derived_seed(prompt, sampling.seed, index)
            self.text = f" {draw % 97} is {'wrong' if draw % 3 == 0 else 'right'}, {ending}"
            drawn.append(self._completion(prompt, len(prompt), sampling))
        await asyncio.sleep(0)
        return drawn


class CountingJudge(ScriptedEngine):
    """Counts the tokens of its prompts, and those that begin as something that it read or wrote before, if it
    `remembers`: every known beginning is a member of a set, so nothing here is as the embedded engine does it."""

    def __init__(self, remembers: bool) -> None:
        super().__init__(reply, verdict)
        self.prompt_tokens_seen = self.prefix_tokens_reused = self.tokens_repeated = 0
        self.asked: list[tuple[str, int]] = []
        self._remembers = remembers
        self._known: set[tuple[str, ...]] = set()

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        self.asked.append((prompt, sampling.seed))
        tokens = split(prompt)
        self.prompt_tokens_seen += len(tokens)
        if self._remembers:
            self.prefix_tokens_reused += self._known_length(tokens)
        done = await super().complete(prompt, sampling, n)
        everything = split(prompt + done[0].text)
        self._known |= {everything[:length] for length in range(1, len(everything) + 1)}
        return done

    def _known_length(self, tokens: tuple[str, ...]) -> int:
        return next((length for length in range(len(tokens), 0, -1) if tokens[:length] in self._known), 0)


def split(text: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(text))


def measured(remembers: bool = True) -> tuple[list[Policy], list[CountingJudge], list[Run], Judging]:
    policies: list[Policy] = []
    judges: list[CountingJudge] = []

    def opened() -> tuple[Engine, Engine]:
        policies.append(Policy())
        judges.append(CountingJudge(remembers))
        return policies[-1], judges[-1]

    asking = policy_settings("miniature/policy")
    return policies, judges, *compare(opened, asking, EchoSandbox(), VerifierSettings(), WORK)


def test_a_search_and_its_ceiling_ask_the_same() -> None:
    policies, judges, runs, _ = measured()
    for search, ceiling in (policies, judges):
        assert Counter(search.asked) == Counter(ceiling.asked)
        assert len(set(search.asked)) == len(search.asked), "nothing is asked for twice"
    assert runs[0].requests == len(policies[0].asked) + len(judges[0].asked) - 2, "less what makes engines ready"
    assert runs[0].tokens == runs[1].tokens


def test_judging_a_step_reads_that_step_and_what_is_written_about_it() -> None:
    """At most 1.15 of it where the engine goes on from a known prefix; several times as much where it does not."""
    _, _, _, judging = measured()
    assert judging.computed is not None
    assert judging.computed <= 1.15 * judging.needed
    _, _, _, forgetting = measured(remembers=False)
    assert forgetting.computed is not None
    assert (forgetting.steps, forgetting.needed) == (judging.steps, judging.needed)
    assert forgetting.computed > 3 * judging.computed


def test_what_an_engine_does_not_say_stays_empty() -> None:
    runs = [
        Run("beam", 3, 400, Usage(seconds=10.0, cpu_seconds=16.0, peak_mb=1.0)),
        Run("ceiling", 3, 400, Usage(seconds=8.0, cpu_seconds=8.0, peak_mb=1.0)),
    ]
    first, last = table(runs, Judging(4, 400, 420, None))
    assert (first["tokens/s"], last["tokens/s"]) == (40.0, 50.0)
    assert (first["of ceiling %"], first["of ceiling's CPU %"]) == (pytest.approx(80.0), 50.0)
    assert (first["needed per step"], first["computed, of needed"]) == (100.0, 1.05)
    assert first["repeated, of needed"] is None
