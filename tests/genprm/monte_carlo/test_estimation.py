"""Monte-Carlo scores: K at its boundaries, what is asked of the completion model, and what is never asked."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from genprm.domains.base import Grader
from genprm.domains.mathematics import MATHEMATICS
from genprm.engines.base import Completion, Sampling
from genprm.journal import Journal
from genprm.monte_carlo import rollouts_for, score_steps
from genprm.records import Message, Solution
from genprm.settings import MonteCarloSettings, RolloutTier, SamplingSettings, SequentialSettings

PAPER = MonteCarloSettings()
SMALL = MonteCarloSettings(tiers=(RolloutTier(below=0.9, rollouts=4),), rollouts_otherwise=2)


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with MATHEMATICS.grader() as opened:
        yield opened


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
        done = int(re.findall(r"Step (\d+): ?$", prompt)[0]) - 1
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


async def test_scores_are_shares_of_rollouts_that_reach_the_answer(grader: Grader) -> None:
    engine = RolloutEngine(lambda done, i: f" so \\boxed{{{5 if i < done else 4}}}")
    scores = await score_steps(solution(), engine, SMALL, grader)
    assert scores.mc == [0.25, 0.5, 0.75, 1.0]
    assert scores.rollouts == [4, 4, 4, 0]
    assert scores.outcomes == ["1000", "1100", "1110", ""]
    assert scores.tokens == 12 * 7
    assert (scores.solution_id, scores.problem_id, scores.pass_at_1) == ("p-3", "p", 0.5)


async def test_the_completion_model_goes_on_after_the_steps_done(grader: Grader) -> None:
    engine = RolloutEngine(lambda done, i: " \\boxed{5}")
    await score_steps(solution(3), engine, SMALL, grader)
    system = PAPER.system
    assert [prompt for prompt, _, _ in engine.requests] == [
        f"[system]{system}[user]What is 2 + 3?[assistant]Step 1: s1\n\nStep 2:",
        f"[system]{system}[user]What is 2 + 3?[assistant]Step 1: s1\n\nStep 2: s2\n\nStep 3:",
    ]


@pytest.mark.parametrize(("correct", "last"), [(True, 1.0), (False, 0.0)])
async def test_the_last_step_is_graded_without_rollouts(grader: Grader, correct: bool, last: float) -> None:
    engine = RolloutEngine(lambda done, i: " \\boxed{5}")
    scores = await score_steps(solution(2, correct), engine, SMALL, grader)
    assert scores.mc == [1.0, last]
    assert len(engine.requests) == 1


async def test_after_the_first_zero_nothing_is_asked_and_all_is_zero(grader: Grader) -> None:
    # even though the solution itself ends in the right answer
    engine = RolloutEngine(lambda done, i: " \\boxed{5}" if done == 1 else " \\boxed{6}")
    scores = await score_steps(solution(5, correct=True), engine, SMALL, grader)
    assert scores.mc == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert scores.rollouts == [4, 4, 0, 0, 0]
    assert len(engine.requests) == 2


async def test_a_truncated_rollout_is_wrong_whatever_it_says(grader: Grader) -> None:
    engine = RolloutEngine(lambda done, i: Completion(" \\boxed{5}", 7, "length" if i else "stop"))
    scores = await score_steps(solution(2), engine, SMALL, grader)
    assert scores.mc[0] == 0.25


async def test_a_rollout_is_graded_by_its_own_last_step(grader: Grader) -> None:
    engine = RolloutEngine(lambda done, i: " now \\boxed{5}\n\nStep 3: no, \\boxed{6}")
    scores = await score_steps(solution(3), engine, SMALL, grader)
    assert scores.mc == [0.0, 0.0, 0.0]


async def test_the_answer_of_the_given_steps_is_not_the_rollouts(grader: Grader) -> None:
    given = Solution("s", "p", "q", "5", ["Step 1: \\boxed{5}", "Step 2: b", "Step 3: c"], "5", True, 0.5)
    scores = await score_steps(given, RolloutEngine(lambda done, i: " nothing"), SMALL, grader)
    assert scores.mc == [0.0, 0.0, 0.0]


async def test_k_follows_pass_at_1_of_the_problem(grader: Grader) -> None:
    engine = RolloutEngine(lambda done, i: " \\boxed{5}")
    assert (await score_steps(solution(2, pass_at_1=0.9), engine, SMALL, grader)).rollouts == [2, 0]
    assert (await score_steps(solution(2, pass_at_1=0.05), engine, PAPER, grader)).rollouts == [128, 0]


async def test_every_step_has_its_own_seed(grader: Grader) -> None:
    first = RolloutEngine(lambda done, i: " \\boxed{5}")
    again = RolloutEngine(lambda done, i: " \\boxed{5}")
    await score_steps(solution(), first, SMALL, grader)
    await score_steps(solution(), again, SMALL, grader)
    seeds = [sampling.seed for _, sampling, _ in first.requests]
    assert len(set(seeds)) == 3
    assert seeds == [sampling.seed for _, sampling, _ in again.requests]


async def test_prompts_that_begin_one_another_are_read_once(grader: Grader) -> None:
    engine = RolloutEngine(lambda done, i: Completion(" \\boxed{5}", 7, "stop", prompt_tokens=100 + 10 * done))
    assert (await score_steps(solution(4), engine, SMALL, grader)).prompt_tokens == 130


# topping up


class SeededEngine(RolloutEngine):
    """Whether a rollout is right follows from its seed and its number, as with a real engine."""

    def __init__(self) -> None:
        super().__init__(lambda done, i: "")

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        await super().complete(prompt, sampling, n)
        draws = (random.Random(f"{sampling.seed} {i}").random() for i in range(n))
        return [Completion(f" \\boxed{{{5 if draw < 0.6 else 4}}}", 7, "stop") for draw in draws]

    def drawn(self) -> int:
        return sum(n for _, _, n in self.requests)


def fixed(rollouts: int) -> MonteCarloSettings:
    return MonteCarloSettings(tiers=(), rollouts_otherwise=rollouts)


@pytest.mark.parametrize(("blank", "behind"), [(False, ""), (True, " ")])
async def test_rollouts_go_on_from_a_header_with_or_without_a_blank(
    grader: Grader, blank: bool, behind: str
) -> None:
    """The released code writes it with one (`math_shepherd_ray.py`), and draws as many for every problem."""
    engine = RolloutEngine(lambda done, index: "\\boxed{5}")
    settings = fixed(4).model_copy(update={"header_blank": blank})
    await score_steps(solution(3), engine, settings, grader)
    ends = [prompt.partition("[assistant]")[2] for prompt, _, _ in engine.requests]
    assert ends == [f"Step 1: s1\n\nStep 2:{behind}", f"Step 1: s1\n\nStep 2: s2\n\nStep 3:{behind}"]


SEQUENTIAL = MonteCarloSettings(estimator="sequential")


@pytest.mark.parametrize(
    ("before", "after", "fewest"),
    [
        (fixed(8), fixed(32), 3 * 24),  # three steps of four have rollouts
        (fixed(64), fixed(32), 0),
        (fixed(64), SEQUENTIAL, 0),
        (SEQUENTIAL, fixed(64), 0),
        (SEQUENTIAL, SEQUENTIAL.model_copy(update={"sequential": SequentialSettings(error=0.01, flip=0.0)}), 0),
    ],
)
async def test_a_journal_tops_up_and_the_result_is_that_of_a_fresh_run(
    grader: Grader,
    tmp_path: Path,
    before: MonteCarloSettings,
    after: MonteCarloSettings,
    fewest: int,
) -> None:
    first, second, fresh = SeededEngine(), SeededEngine(), SeededEngine()
    with Journal(tmp_path / "rows.jsonl") as journal:
        had = await score_steps(solution(), first, before, grader, journal)
        scores = await score_steps(solution(), second, after, grader, journal)
    assert scores == await score_steps(solution(), fresh, after, grader)
    assert [one.count("1") / len(one) for one in scores.outcomes[:3]] == scores.mc[:3]
    for now, then in zip(scores.outcomes, had.outcomes, strict=True):
        assert now.startswith(then) or then.startswith(now)
    missing = [max(0, wanted - there) for wanted, there in zip(scores.rollouts, had.rollouts, strict=True)]
    assert second.drawn() == sum(missing) >= fewest


async def test_other_weights_or_sampling_draw_again(grader: Grader, tmp_path: Path) -> None:
    warmer = fixed(8).model_copy(update={"sampling": SamplingSettings(temperature=0.9)})
    with Journal(tmp_path / "rows.jsonl") as journal:
        for settings, weights in ((fixed(8), "a"), (fixed(8), "b"), (warmer, "a"), (fixed(8), "a")):
            engine = SeededEngine()
            await score_steps(solution(2), engine, settings, grader, journal, weights)
        # the last is the first again
        assert engine.drawn() == 0
        assert len(journal) == 3


async def test_a_journal_row_says_what_made_it(grader: Grader, tmp_path: Path) -> None:
    with Journal(tmp_path / "rows.jsonl") as journal:
        await score_steps(solution(2), SeededEngine(), fixed(8), grader, journal)
    (row,) = [json.loads(line)["value"] for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert {name: row[name] for name in ("solution", "model", "done", "first", "count")} == {
        "solution": "p-3",
        "model": PAPER.model,
        "done": 1,
        "first": 0,
        "count": 8,
    }
    assert {"seed", "outcomes", "tokens", "prompt_tokens"} <= set(row)


# sequential


async def test_sequential_scores_say_why_they_stopped_and_what_for(grader: Grader) -> None:
    engine = RolloutEngine(lambda done, i: " \\boxed{5}" if done < 3 else " \\boxed{6}")
    scores = await score_steps(solution(5), engine, SEQUENTIAL, grader)
    assert scores.mc == [1.0, 1.0, 0.0, 0.0, 0.0]
    assert scores.stopped[2:] == ["dead", "after_dead", "after_dead"]
    assert scores.decided_for == 0.8
    assert max(scores.rollouts) < 64
    assert scores.tokens == 7 * sum(scores.rollouts)


async def test_sequential_never_draws_more_than_k(grader: Grader) -> None:
    undecided = SequentialSettings(error=1e-9, flip=0.0, dead_below=1e-6)
    scores = await score_steps(
        solution(), SeededEngine(), SEQUENTIAL.model_copy(update={"sequential": undecided}), grader
    )
    assert scores.rollouts == [64, 64, 64, 0]
    assert scores.stopped == ["all_drawn"] * 3 + ["last"]


async def test_every_k_has_the_same_first_rollouts(grader: Grader) -> None:
    few, many = SeededEngine(), SeededEngine()
    await score_steps(solution(2), few, fixed(16), grader)
    await score_steps(solution(2), many, fixed(32), grader)
    asked = [(sampling.seed, n) for _, sampling, n in many.requests]
    assert [(sampling.seed, n) for _, sampling, n in few.requests] == asked[: len(few.requests)]
