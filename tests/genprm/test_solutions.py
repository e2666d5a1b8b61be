"""Solution generation: where steps begin, which paths are valid, when sampling stops, what is kept."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genprm.domains.base import Grader
from genprm.domains.mathematics import MATHEMATICS
from genprm.engines.base import Completion, Sampling
from genprm.journal import Journal
from genprm.records import Message, Problem, SampledProblem, Solution
from genprm.seeds import derived_seed
from genprm.settings import SolutionSettings
from genprm.solutions import sample_solutions
from genprm.steps import final_answer, split_steps

PROBLEM = Problem("p", "What is 2 + {3}?", "5", "test")
RIGHT = " 2 + 3 = 5.\n\nStep 2: The answer is $\\boxed{5}$."
WRONG = " 2 + 3 = 6.\n\nStep 2: The answer is $\\boxed{6}$."


class PolicyEngine:
    """Plays `reply(k)` as the k-th sample and remembers what it was asked."""

    model = "policy"

    def __init__(self, reply: Callable[[int], Completion | str]) -> None:
        self.reply = reply
        self.samples = 0
        self.requests: list[tuple[str, Sampling, int]] = []

    def render(self, messages: Sequence[Message], prefill: str | None = None) -> str:
        return "".join(f"[{m.role}]{m.content}" for m in messages) + f"[assistant]{prefill}"

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        self.requests.append((prompt, sampling, n))
        replies = [self.reply(self.samples + i) for i in range(n)]
        self.samples += n
        return [r if isinstance(r, Completion) else Completion(r, 10, "stop") for r in replies]

    async def close(self) -> None: ...


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with MATHEMATICS.grader() as opened:
        yield opened


def small(**changes: object) -> SolutionSettings:
    return SolutionSettings(wanted_correct=2, wanted_incorrect=2, batch=4, max_samples=20).model_copy(
        update=changes
    )


async def sampled(
    grader: Grader, reply: Callable[[int], Completion | str], **changes: object
) -> tuple[SampledProblem, list[Solution], PolicyEngine]:
    engine = PolicyEngine(reply)
    counted, kept = await sample_solutions(PROBLEM, engine, small(**changes), grader)
    return counted, kept, engine


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("Step 1: a\n\nStep 2: b", ["Step 1: a", "Step 2: b"]),
        ("Step 1: a\nStep 2: b\n\n\nStep 3: c\n", ["Step 1: a", "Step 2: b", "Step 3: c"]),
        ("Step 1: a", ["Step 1: a"]),
        ("Step 1: as in Step 2: below\n\nStep 2: b", ["Step 1: as in Step 2: below", "Step 2: b"]),
        ("Step 1: a\n\nb\n\nStep 2: c", ["Step 1: a\n\nb", "Step 2: c"]),
        ("Step 1: a\n Step 2: indented is no header", ["Step 1: a\n Step 2: indented is no header"]),
        ("Step 1: a\n\n**Step 2:** b\n\n**Step 3: c** d", ["Step 1: a", "Step 2: b", "Step 3: c d"]),
        ("Step 1: a\n\n### Step 2: **b**", ["Step 1: a", "Step 2: **b**"]),
        ("Step 1: a\n\n步骤2：乙\n步骤 3: 丙", ["Step 1: a", "Step 2:乙", "Step 3: 丙"]),
        ("Step 1: a\n\n**Step 3:** b", None),
        ("Step 1: a\nStep 3: c", None),
        ("Step 2: a\nStep 3: c", None),
        ("Step 1: a\nStep 1: b", None),
        ("Step 1: a\nStep 02: b", None),
        ("Hello.\nStep 1: a\nStep 2: b", None),
        ("no steps", None),
        ("", None),
    ],
)
def test_steps_begin_at_numbered_headers_at_line_start(text: str, steps: list[str] | None) -> None:
    assert split_steps(text) == steps


BODIES = st.lists(
    st.text(alphabet="abc 1:.\n$\\", max_size=20).map(lambda body: f" x{body}".rstrip()), min_size=1, max_size=12
)


@given(BODIES)
def test_splitting_gives_back_the_steps_that_were_joined(bodies: list[str]) -> None:
    steps = [f"Step {number}:{body}" for number, body in enumerate(bodies, start=1)]
    assert split_steps("\n\n".join(steps)) == steps


def test_only_the_last_step_states_the_answer_and_its_header_does_not() -> None:
    assert final_answer("Step 1: $\\boxed{3}$\n\nStep 2: so it is 7 in all") == "7"
    assert final_answer("Step 1: $\\boxed{3}$\n\nStep 2: done") is None
    assert final_answer("Step 1: $\\boxed{3}$\n\n**Step 2:** done") is None


async def test_the_policy_continues_after_step_1(grader: Grader) -> None:
    _, _, engine = await sampled(
        grader, lambda k: f"{k}{RIGHT if k % 2 else WRONG}", system="Be brief.", prompt="Q: {problem}"
    )
    prompt, sampling, n = engine.requests[0]
    assert prompt == "[system]Be brief.[user]Q: What is 2 + {3}?[assistant]Step 1:"
    assert (sampling.temperature, sampling.top_p, sampling.top_k, sampling.max_tokens) == (0.7, 1.0, 0, 2048)
    assert n == 4


async def test_the_prompt_that_samples_share_is_counted_once(grader: Grader) -> None:
    def reply(k: int) -> Completion:
        return Completion(RIGHT, 10, "stop", prompt_tokens=33)

    counted, _, _ = await sampled(grader, reply, max_samples=8)
    assert (counted.samples, counted.tokens, counted.prompt_tokens) == (8, 80, 33)


async def test_sampling_stops_when_both_kinds_are_complete(grader: Grader) -> None:
    counted, kept, engine = await sampled(grader, lambda k: f"{k}{RIGHT if k % 2 else WRONG}")
    assert [n for _, _, n in engine.requests] == [4]
    assert counted == SampledProblem("p", 4, 2, 0, 0.5, "kept", 40, 0)
    assert [(s.id, s.correct, s.final_answer) for s in kept] == [
        ("p-0", False, "6"),
        ("p-1", True, "5"),
        ("p-2", False, "6"),
        ("p-3", True, "5"),
    ]
    assert kept[1].steps == ["Step 1:1 2 + 3 = 5.", "Step 2: The answer is $\\boxed{5}$."]
    assert {s.pass_at_1 for s in kept} == {0.5}


async def test_equal_paths_count_once(grader: Grader) -> None:
    # from sample 8 on there are new wrong paths
    counted, kept, engine = await sampled(
        grader, lambda k: f"{k}{RIGHT}" if k % 2 else (f"{k}{WRONG}" if k >= 8 else WRONG)
    )
    assert [n for _, _, n in engine.requests] == [4, 4, 4]
    assert [s.id for s in kept] == ["p-0", "p-1", "p-3", "p-8"]
    assert counted.pass_at_1 == 6 / 12  # every path counts, equal or not


async def test_the_cap_is_exact_and_a_problem_with_both_kinds_is_kept(grader: Grader) -> None:
    counted, kept, engine = await sampled(grader, lambda k: f"{k}{WRONG if k == 9 else RIGHT}", max_samples=10)
    assert [n for _, _, n in engine.requests] == [4, 4, 2]
    assert (counted.samples, counted.correct, counted.outcome) == (10, 9, "kept")
    assert [s.id for s in kept] == ["p-0", "p-1", "p-9"]


@pytest.mark.parametrize(("reply", "outcome", "pass_at_1"), [(RIGHT, "easy", 1.0), (WRONG, "hard", 0.0)])
async def test_a_problem_without_both_kinds_is_dropped(
    grader: Grader, reply: str, outcome: str, pass_at_1: float
) -> None:
    counted, kept, _ = await sampled(grader, lambda k: f"{k}{reply}")
    assert (counted.samples, counted.outcome, counted.pass_at_1) == (20, outcome, pass_at_1)
    assert kept == []


@pytest.mark.parametrize(
    "invalid",
    [
        Completion(RIGHT, 10, "length"),
        Completion(" 5. The answer is $\\boxed{5}$.", 10, "stop"),
        Completion(RIGHT.replace("Step 2", "Step 3"), 10, "stop"),
    ],
    ids=["truncated", "one step", "misnumbered"],
)
async def test_an_invalid_path_counts_as_incorrect_and_is_never_kept(grader: Grader, invalid: Completion) -> None:
    # right answers in all of them: only validity makes the difference
    counted, kept, _ = await sampled(
        grader, lambda k: replace(invalid, text=f"{k}{invalid.text}") if k % 2 else f"{k}{RIGHT}", max_samples=8
    )
    assert (counted.samples, counted.correct, counted.invalid, counted.pass_at_1) == (8, 4, 4, 0.5)
    assert counted.outcome == "easy"
    assert kept == []


async def test_only_invalid_paths_make_a_problem_hard(grader: Grader) -> None:
    counted, _, _ = await sampled(grader, lambda k: Completion(RIGHT, 10, "length"), max_samples=4)
    assert (counted.outcome, counted.invalid, counted.pass_at_1) == ("hard", 4, 0.0)


async def test_seeds_depend_on_seed_problem_and_batch(grader: Grader) -> None:
    _, _, first = await sampled(grader, lambda k: f"{k}{RIGHT}")
    _, _, again = await sampled(grader, lambda k: f"{k}{RIGHT}")
    _, _, other = await sampled(grader, lambda k: f"{k}{RIGHT}", seed=1)
    seeds = [s.seed for _, s, _ in first.requests]
    assert seeds == [s.seed for _, s, _ in again.requests]
    assert len(set(seeds)) == len(seeds) == 5
    assert set(seeds).isdisjoint(s.seed for _, s, _ in other.requests)


async def test_wanting_more_keeps_what_was_kept(grader: Grader) -> None:
    _, few, _ = await sampled(grader, lambda k: f"{k}{RIGHT if k % 2 else WRONG}")
    _, more, _ = await sampled(grader, lambda k: f"{k}{RIGHT if k % 2 else WRONG}", wanted_incorrect=5)
    assert {s.id for s in few} < {s.id for s in more}


def test_a_derived_seed_keeps_its_parts_apart() -> None:
    assert derived_seed(1, "23") != derived_seed(12, "3")
    assert 0 <= derived_seed("x") < 2**31


async def test_batches_grow_once_many_samples_were_drawn(grader: Grader) -> None:
    _, _, engine = await sampled(grader, lambda k: RIGHT, max_samples=100)
    sizes = [n for _, _, n in engine.requests]
    assert sizes == [4] * 8 + [8, 8, 12, 12, 16, 12]
    assert all(n <= max(4, before / 4) for n, before in zip(sizes, itertools.accumulate([0, *sizes]), strict=False))
    assert sum(sizes) == 100


async def test_a_journal_tops_up_and_the_result_is_that_of_a_fresh_run(grader: Grader, tmp_path: Path) -> None:
    def reply(k: int) -> str:
        return (RIGHT if k % 5 == 3 else WRONG).replace(".\n", f" ({k}).\n")

    class NumberedEngine(PolicyEngine):
        """Sample i of a request follows from its seed, not from what was asked before."""

        async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
            self.requests.append((prompt, sampling, n))
            return [Completion(self.reply(sampling.seed % 1000 + i), 10, "stop") for i in range(n)]

    few, more, fresh = (NumberedEngine(reply) for _ in range(3))
    with Journal(tmp_path / "rows.jsonl") as journal:
        await sample_solutions(PROBLEM, few, small(wanted_correct=1), grader, journal)
        result = await sample_solutions(PROBLEM, more, small(wanted_correct=4), grader, journal)
    assert result == await sample_solutions(PROBLEM, fresh, small(wanted_correct=4), grader)
    assert len(more.requests) > 0
    assert few.requests + more.requests == fresh.requests
