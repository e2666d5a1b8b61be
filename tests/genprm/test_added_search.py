"""A search method from outside the package is one file: it samples a step, judges it, and goes on from the best."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from genprm.settings import VerifierSettings
from genprm.step_sampler import SampledStep
from genprm.verification.verifier import Verifier
from tests.genprm.scripted_engine import ScriptedEngine
from tests.genprm.scripted_judge import judge_engine

ONE_FILE = '''
"""Step beam: keep the `width` partial solutions whose last step was judged best."""

from genprm.modes import Mode


async def step_beam(sampler, verifier, problem, width, n, seed=0):
    """The steps of the best solution, by the smallest reward of its steps."""
    beams = [([], verifier.start(problem, problem, Mode.DIRECT))]
    finished = []
    while beams:
        grown = []
        for steps, judge in beams:
            for sampled in await sampler.next_step(problem, steps, n, seed):
                forked = judge.fork()
                await forked.judge(sampled.text)
                (finished if sampled.ended else grown).append(([*steps, sampled.text], forked))
            await judge.close()
        grown.sort(key=lambda beam: min(beam[1].rewards), reverse=True)
        beams, lost = grown[:width], grown[width:]
        for _, judge in lost:
            await judge.close()
    best = max(finished, key=lambda beam: min(beam[1].rewards))
    for _, judge in finished:
        await judge.close()
    return best[0]
'''


class Coin:
    """A policy that writes a wrong step and a right one at every turn, of three; the wrong one first."""

    def __init__(self) -> None:
        self.asked = 0

    async def next_step(self, problem: str, steps: Sequence[str], n: int, seed: int) -> list[SampledStep]:
        self.asked += 1
        number = len(steps) + 1
        return [SampledStep(f"Step {number}: {kind}", number == 3, False, 5, 9) for kind in ("wrong", "right")][:n]


@pytest.fixture
def step_beam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    (tmp_path / "beam_of_others.py").write_text(ONE_FILE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "beam_of_others", raising=False)
    return importlib.import_module("beam_of_others").step_beam


@pytest.mark.parametrize(("width", "asked"), [(1, 3), (2, 5)])
async def test_a_beam_of_a_perfect_judge_finds_the_right_solution(step_beam, width: int, asked: int) -> None:  # type: ignore[no-untyped-def]
    """Of eight solutions one is right. A beam asks the policy once per partial solution that it keeps."""
    policy, engine = Coin(), judge_engine()
    found = await step_beam(policy, Verifier(engine, None, VerifierSettings()), "p", width, 2)
    assert found == [f"Step {number}: right" for number in (1, 2, 3)]
    assert policy.asked == asked
    assert len(engine.requests) == 2 * asked, "each step is judged once, whatever begins with it"


async def test_a_judge_that_approves_everything_leaves_the_first(step_beam) -> None:  # type: ignore[no-untyped-def]
    engine = ScriptedEngine(lambda prompt: "Yes", lambda prompt: {"Yes": -0.01, "No": -5.0})
    found = await step_beam(Coin(), Verifier(engine, None, VerifierSettings()), "p", 1, 2)
    assert found == [f"Step {number}: wrong" for number in (1, 2, 3)]
