"""Maj@N is a mean of rewards, checked by hand."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genprm.modes import Mode
from genprm.records import Provenance, StepVerification, StepwiseSolution, Verification, VoteReading
from genprm.settings import VerifierSettings
from genprm.verification.rewards import first_error, rewards
from genprm.verification.verifier import GoOn, Verifier, every_step
from genprm.verification.voting import (
    Voting,
    executions,
    joined_reading,
    majority_rewards,
    verify_votes,
    vote_reading,
)
from tests.genprm.scripted_engine import ScriptedEngine


@pytest.mark.parametrize(
    ("paths", "rewards", "prediction"),
    [
        ([[0.9, 0.4]], [0.9, 0.4], 1),
        ([[1.0, 0.0], [0.5, 0.75]], [0.75, 0.375], 1),
        # One sure Yes outweighs two hesitant Nos, which would win a vote on verdicts.
        ([[0.98], [0.4], [0.3]], [0.56], -1),
        # The first path stopped at its first error: the later steps belong to the others.
        ([[0.25], [0.875, 0.25], [0.75, 0.75, 1.0]], [0.625, 0.5, 1.0], -1),
    ],
)
def test_the_reward_of_a_step_is_the_mean_over_paths(
    paths: list[list[float]], rewards: list[float], prediction: int
) -> None:
    assert majority_rewards(paths) == pytest.approx(rewards)
    assert first_error(majority_rewards(paths)) == prediction


def test_the_threshold_applies_to_the_mean() -> None:
    assert first_error(majority_rewards([[0.5, 0.9], [0.7, 0.9]]), threshold=0.65) == 0


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=4), min_size=1, max_size=5))
def test_a_vote_lies_between_its_paths_and_knows_no_order(paths: list[list[float]]) -> None:
    votes = majority_rewards(paths)
    assert len(votes) == max(map(len, paths))
    assert votes == pytest.approx(majority_rewards(paths[::-1]))
    for t, vote in enumerate(votes):
        values = [path[t] for path in paths if len(path) > t]
        assert min(values) - 1e-9 <= vote <= max(values) + 1e-9


def test_no_paths_are_refused() -> None:
    with pytest.raises(ValueError, match="no verification paths"):
        majority_rewards([])


class RewardTable(Verifier):
    """Gives the rewards of a table, one row a path, and takes its time about it."""

    def __init__(self, table: Sequence[Sequence[float]], rng: random.Random) -> None:
        self.live_paths = 256
        self.table = table
        self.rng = rng

    async def verify(
        self,
        case_id: str,
        problem: str,
        steps: Sequence[str],
        mode: Mode,
        path: int = 0,
        go_on: GoOn = every_step,
    ) -> Verification:
        given: list[float] = []
        for reward in self.table[path]:
            if given and not await go_on(given):
                break
            for _ in range(self.rng.randrange(4)):
                await asyncio.sleep(0)
            given = [*given, reward]
        return path_with(given, path)


def path_with(given: Sequence[float], path: int) -> Verification:
    steps = [StepVerification("", "", "", "", reward, "Yes", False, [], 1) for reward in given]
    return Verification("c", path, "cot", steps, 0, len(steps), Provenance("scripted", "1", "raw"), [])


def test_a_vote_says_how_all_its_paths_were_read() -> None:
    first, second = (path_with([0.9, 0.2], path) for path in (0, 1))
    asked = dataclasses.replace(second.steps[0], forced=True, executions=["ok", "error"])
    silent = dataclasses.replace(second.steps[1], verdict="none")
    other = Provenance("vllm", "0.32.0", "raw")
    second = dataclasses.replace(second, steps=[asked, silent], provenance=other, spellings=[" No", "No"])
    third = dataclasses.replace(first, spellings=["No", "Yes"])
    whole = VoteReading([first.provenance, other], [" No", "No", "Yes"], 2)
    assert vote_reading([first, second, third]) == whole
    assert joined_reading([vote_reading([first]), vote_reading([second, third])]) == whole
    assert executions([first, second, third]) == 2


@pytest.mark.parametrize("seed", range(40))
async def test_stopping_early_changes_no_prediction_and_judges_no_step_too_many(
    seed: int,
) -> None:
    rng = random.Random(seed)
    votes, length = rng.randrange(1, 6), rng.randrange(1, 7)
    table = [[rng.choice([0.0, 0.3, 0.5, 0.7, 1.0, 1.0]) for _ in range(length)] for _ in range(votes)]
    verifier = RewardTable(table, rng)
    steps = [f"step {n}" for n in range(length)]

    paths = await verify_votes(verifier, StepwiseSolution("p", tuple(steps), "c"), Voting(Mode.COT, votes))

    voted = first_error(majority_rewards(table))
    known = [rewards(path) for path in paths]
    assert first_error(majority_rewards([path[: min(map(len, known))] for path in known])) == voted
    for path, row in zip(known, table, strict=True):
        own = first_error(row)
        assert first_error(path) == own
        assert path == row[: length if -1 in (voted, own) else max(voted, own) + 1]


async def test_paths_that_are_known_are_judged_again_only_where_they_are_too_short() -> None:
    table = [[0.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]
    verifier = RewardTable(table, random.Random(0))
    known = {0: path_with(table[0][:1], 0), 1: path_with(table[1], 1)}
    judged: list[int] = []

    paths = await verify_votes(
        verifier,
        StepwiseSolution("p", ("a", "b", "c"), "c"),
        Voting(Mode.COT, 3),
        known,
        lambda path: judged.append(path.path),
    )

    assert sorted(judged) == [0, 2]
    assert [rewards(path) for path in paths] == table


@pytest.mark.parametrize("votes", [2, 3, 5])
async def test_votes_end_however_few_paths_may_be_live(votes: int) -> None:
    """Paths that wait for the others hold places that the others need."""
    draw = random.Random(0)

    def logprobs(prompt: str) -> dict[str, float]:
        yes = draw.choice([0.1, 0.6, 0.9])
        return {"Yes": math.log(yes), "No": math.log(1 - yes)}

    verifier = Verifier(ScriptedEngine(lambda prompt: "Yes", logprobs), None, VerifierSettings(), live_paths=3)
    work = [
        verify_votes(verifier, StepwiseSolution("p", tuple("abcd"), f"case {n}"), Voting(Mode.DIRECT, votes))
        for n in range(20)
    ]
    cases = await asyncio.wait_for(asyncio.gather(*work), timeout=20)
    assert all(len(paths) == votes for paths in cases)
