"""Monte-Carlo scores: K at its boundaries, what is asked of the completion model, and what is never asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import pytest

from genprm.answers import AnswerChecker
from genprm.engines.base import Completion, Sampling
from genprm.monte_carlo import rollouts_for, score_steps
from genprm.records import Message, Solution
from genprm.settings import MonteCarloSettings, RolloutTier

PAPER = MonteCarloSettings()
SMALL = MonteCarloSettings(tiers=(RolloutTier(below=0.9, rollouts=4),), rollouts_otherwise=2)


@pytest.fixture(scope="module")
def answers() -> Iterator[AnswerChecker]:
    with AnswerChecker() as checker:
        yield checker


class RolloutEngine:
    """After k steps, sample i of a request is `reply(k, i)`."""

    model = "completion"

    def __init__(self, reply: Callable[[int, int], Completion | str]) -> None:
        self.reply = reply
        self.requests: list[tuple[str, Sampling, int]] = []

    def render(self, messages: Sequence[Message], prefill: str | None = None) -> str:
        return "".join(f"[{m.role}]{m.content}" for m in messages) + f"[assistant]{prefill}"

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        self.requests.append((prompt, sampling, n))
        done = int(re.findall(r"Step (\d+):$", prompt)[0]) - 1
        replies = [self.reply(done, i) for i in range(n)]
        return [r if isinstance(r, Completion) else Completion(r, 7, "stop") for r in replies]

    async def close(self) -> None: ...


def solution(steps: int = 4, correct: bool = True, pass_at_1: float = 0.5) -> Solution:
    texts = [f"Step {number}: s{number}" for number in range(1, steps + 1)]
    return Solution("p-3", "p", "What is 2 + 3?", "5", texts, "5" if correct else "6", correct, pass_at_1)


@pytest.mark.parametrize(
    ("pass_at_1", "rollouts"),
    [(0.0, 128), (0.0999, 128), (0.1, 64), (0.5, 64), (0.8999, 64), (0.9, 32), (0.95, 32), (1.0, 32)],
)
def test_k_of_the_paper(pass_at_1: float, rollouts: int) -> None:
    assert rollouts_for(pass_at_1, PAPER) == rollouts


async def test_scores_are_shares_of_rollouts_that_reach_the_answer(answers: AnswerChecker) -> None:
    engine = RolloutEngine(lambda done, i: f" so \\boxed{{{5 if i < done else 4}}}")
    scores = await score_steps(solution(), engine, SMALL, answers)
    assert scores.mc == [0.25, 0.5, 0.75, 1.0]
    assert scores.rollouts == [4, 4, 4, 0]
    assert scores.tokens == 12 * 7
    assert (scores.solution_id, scores.problem_id, scores.pass_at_1) == ("p-3", "p", 0.5)


async def test_the_completion_model_goes_on_after_the_steps_done(answers: AnswerChecker) -> None:
    engine = RolloutEngine(lambda done, i: " \\boxed{5}")
    await score_steps(solution(3), engine, SMALL, answers)
    system = PAPER.system
    assert [prompt for prompt, _, _ in engine.requests] == [
        f"[system]{system}[user]What is 2 + 3?[assistant]Step 1: s1\n\nStep 2:",
        f"[system]{system}[user]What is 2 + 3?[assistant]Step 1: s1\n\nStep 2: s2\n\nStep 3:",
    ]


@pytest.mark.parametrize(("correct", "last"), [(True, 1.0), (False, 0.0)])
async def test_the_last_step_is_graded_without_rollouts(answers: AnswerChecker, correct: bool, last: float) -> None:
    engine = RolloutEngine(lambda done, i: " \\boxed{5}")
    scores = await score_steps(solution(2, correct), engine, SMALL, answers)
    assert scores.mc == [1.0, last]
    assert len(engine.requests) == 1


async def test_after_the_first_zero_nothing_is_asked_and_all_is_zero(answers: AnswerChecker) -> None:
    # even though the solution itself ends in the right answer
    engine = RolloutEngine(lambda done, i: " \\boxed{5}" if done == 1 else " \\boxed{6}")
    scores = await score_steps(solution(5, correct=True), engine, SMALL, answers)
    assert scores.mc == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert scores.rollouts == [4, 4, 0, 0, 0]
    assert len(engine.requests) == 2


async def test_a_truncated_rollout_is_wrong_whatever_it_says(answers: AnswerChecker) -> None:
    engine = RolloutEngine(lambda done, i: Completion(" \\boxed{5}", 7, "length" if i else "stop"))
    scores = await score_steps(solution(2), engine, SMALL, answers)
    assert scores.mc[0] == 0.25


async def test_a_rollout_is_graded_by_its_own_last_step(answers: AnswerChecker) -> None:
    engine = RolloutEngine(lambda done, i: " now \\boxed{5}\n\nStep 3: no, \\boxed{6}")
    scores = await score_steps(solution(3), engine, SMALL, answers)
    assert scores.mc == [0.0, 0.0, 0.0]


async def test_the_answer_of_the_given_steps_is_not_the_rollouts(answers: AnswerChecker) -> None:
    given = Solution("s", "p", "q", "5", ["Step 1: \\boxed{5}", "Step 2: b", "Step 3: c"], "5", True, 0.5)
    scores = await score_steps(given, RolloutEngine(lambda done, i: " nothing"), SMALL, answers)
    assert scores.mc == [0.0, 0.0, 0.0]


async def test_k_follows_pass_at_1_of_the_problem(answers: AnswerChecker) -> None:
    engine = RolloutEngine(lambda done, i: " \\boxed{5}")
    assert (await score_steps(solution(2, pass_at_1=0.9), engine, SMALL, answers)).rollouts == [2, 0]
    assert (await score_steps(solution(2, pass_at_1=0.05), engine, PAPER, answers)).rollouts == [128, 0]


async def test_every_step_has_its_own_seed(answers: AnswerChecker) -> None:
    first = RolloutEngine(lambda done, i: " \\boxed{5}")
    again = RolloutEngine(lambda done, i: " \\boxed{5}")
    await score_steps(solution(), first, SMALL, answers)
    await score_steps(solution(), again, SMALL, answers)
    seeds = [sampling.seed for _, sampling, _ in first.requests]
    assert len(set(seeds)) == 3
    assert seeds == [sampling.seed for _, sampling, _ in again.requests]
