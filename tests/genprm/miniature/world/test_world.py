"""The miniature world: its splits, its problems, and the program that knows which step is wrong."""

import random
import re

import pytest

from genprm.miniature.world.generation import draw_problem, generate_problems, with_other_people
from genprm.miniature.world.judge import judge, judge_problem
from genprm.miniature.world.names import FIRST_SYLLABLES, LAST_SYLLABLES, NAMES, Split, is_held_out
from genprm.miniature.world.problems import UnreadableProblemError, calculate, read_problem
from genprm.miniature.world.solutions import Habits, careless_steps, mistaken_step, right_steps

TEXT = (
    "How many pens does Tamilo have in the end? (1) Tamilo has 5 pens. (2) Tamilo buys 7 pens. "
    "(3) Rikano has 9 pens. (4) Tamilo gives Rikano 2 bags of 3 pens."
)
RIGHT = [
    "Step 1: By (2), 5 + 7 = 12 pens.",
    "Step 2: By (4), 2 * 3 = 6 pens.",
    "Step 3: By (4), 12 - 6 = 6 pens. The answer is $\\boxed{6}$.",
]


def test_problems_are_deterministic_and_different() -> None:
    first = generate_problems("pipeline", 50, seed=3)
    assert first == generate_problems(Split.PIPELINE, 50, seed=3)
    assert len({problem.text for problem in first}) == 50
    assert {p.text for p in first}.isdisjoint(p.text for p in generate_problems("pipeline", 50, seed=4))


@pytest.mark.parametrize("split", list(Split))
def test_problem_reads_back_as_itself_and_its_solution_is_right(split: Split) -> None:
    for problem in generate_problems(split, 100, seed=1):
        assert read_problem(problem.text) == problem
        assert judge(problem.text, right_steps(problem)).first_error == -1
        assert 2 <= len(problem.gold) <= 6
        for step in problem.gold:
            assert calculate(step.left, step.op, step.right) == step.value <= 120


def test_evaluation_uses_names_and_calculations_that_are_never_trained() -> None:
    assert set(NAMES[Split.EVALUATION]).isdisjoint([*NAMES[Split.FOUNDATION], *NAMES[Split.PIPELINE]])
    for problem in generate_problems("evaluation", 100, seed=2):
        assert any(is_held_out(g.left, g.op, g.right) for g in problem.gold)
        assert set(re.findall(r"[A-Z][a-z]{3,}", problem.text.split("?")[1])) <= set(NAMES[Split.EVALUATION])
    for split in (Split.FOUNDATION, Split.PIPELINE):
        for problem in generate_problems(split, 100, seed=2):
            assert not any(is_held_out(g.left, g.op, g.right) for g in problem.gold)


def test_every_syllable_is_in_every_split() -> None:
    for names in NAMES.values():
        assert {name[:2] for name in names} == set(FIRST_SYLLABLES)
        assert {name[2:] for name in names} == set(LAST_SYLLABLES)


def test_people_of_a_problem_share_no_syllable() -> None:
    for problem in generate_problems("evaluation", 200, seed=4):
        people = {fact.who for fact in problem.facts} | {fact.other for fact in problem.facts if fact.other}
        assert len({name[:2] for name in people}) == len({name[2:] for name in people}) == len(people)


def test_other_people_leave_everything_else_as_it_is() -> None:
    rng = random.Random(3)
    for problem in generate_problems("foundation", 50, seed=3):
        other = with_other_people(rng, problem)
        assert other.text != problem.text
        assert other.gold == problem.gold
        assert [(f.kind, f.amount, f.groups, f.thing) for f in other.facts] == [
            (f.kind, f.amount, f.groups, f.thing) for f in problem.facts
        ]
        assert judge(other.text, right_steps(problem)).first_error == -1


def test_held_out_is_about_an_eighth_and_symmetric_for_sums() -> None:
    pairs = [(a, b) for a in range(2, 100) for b in range(2, 60)]
    share = sum(is_held_out(a, "-", b) for a, b in pairs) / len(pairs)
    assert 0.1 < share < 0.15
    assert all(is_held_out(a, "+", b) == is_held_out(b, "+", a) for a, b in pairs)
    assert not any(is_held_out(a, "*", b) for a, b in pairs)


@pytest.mark.parametrize(
    ("change", "where", "kind"),
    [
        ((0, "Step 1: By (2), 5 + 7 = 13 pens."), 0, "arith"),
        ((0, "Step 1: By (2), 5 - 7 = 12 pens."), 0, "format"),
        ((1, "Step 2: By (4), 2 + 3 = 5 pens."), 1, "operation"),
        ((1, "Step 2: By (4), 2 * 7 = 14 pens."), 1, "quantity"),
        ((1, "Step 2: By (3), 12 + 9 = 21 pens."), 1, "fact"),
        ((1, RIGHT[1] + " The answer is $\\boxed{6}$."), 1, "early"),
        ((1, "Step 2: hm."), 1, "format"),
        ((2, "Step 3: By (4), 12 - 6 = 6 pens."), 2, "format"),
        ((2, "Step 3: By (4), 12 - 6 = 6 pens. The answer is $\\boxed{7}$."), 2, "format"),
    ],
)
def test_judge_names_the_first_wrong_step(change: tuple[int, str], where: int, kind: str) -> None:
    steps = list(RIGHT)
    steps[change[0]] = change[1]
    assert (judge(TEXT, steps).first_error, judge(TEXT, steps).kind) == (where, kind)


def test_judge_on_right_long_and_short_solutions() -> None:
    assert judge(TEXT, RIGHT).kind is None
    swapped = [RIGHT[0].replace("5 + 7", "7 + 5"), *RIGHT[1:]]
    assert judge(TEXT, swapped).first_error == -1
    longer = [
        *RIGHT[:2],
        "Step 3: By (4), 12 - 6 = 6 pens.",
        "Step 4: By (3), 6 + 9 = 15 pens. The answer is $\\boxed{15}$.",
    ]
    assert (judge(TEXT, longer).first_error, judge(TEXT, longer).kind) == (3, "extra")
    assert (judge(TEXT, RIGHT[:2]).first_error, judge(TEXT, RIGHT[:2]).kind) == (1, "format")
    assert judge(TEXT, []).kind == "format"


@pytest.mark.parametrize(
    "text", ["", "What is 2 + 2?", TEXT + " (5) Tamilo sings.", TEXT.replace("Tamilo has 5", "Rikano has 5")]
)
def test_unreadable_problem_is_refused(text: str) -> None:
    with pytest.raises(UnreadableProblemError):
        judge(text, RIGHT)


def test_careless_solutions_hold_every_kind_of_mistake_and_no_held_out_calculation() -> None:
    rng = random.Random(0)
    kinds = set()
    for _ in range(800):
        problem = draw_problem(rng)
        steps, wrong = careless_steps(rng, problem, Habits(), forced=True)
        verdict = judge_problem(problem, steps)
        kinds.add(verdict.kind)
        if verdict.first_error >= 0:
            assert wrong[verdict.first_error]
        for left, op, right in re.findall(r"(\d+) ([-+*/]) (\d+) =", " ".join(steps)):
            assert not is_held_out(int(left), op, int(right))
    assert kinds - {None} >= {"arith", "operation", "quantity", "fact", "early", "extra"}


def test_a_mistaken_step_is_the_first_wrong_one_after_right_steps() -> None:
    rng = random.Random(1)
    kinds = set()
    for _ in range(400):
        problem = draw_problem(rng)
        index = rng.randrange(len(problem.gold))
        wrong = mistaken_step(rng, problem, index, Habits())
        verdict = judge_problem(problem, right_steps(problem)[:index] + wrong)
        if wrong and verdict.kind != "format":
            assert verdict.first_error == index + len(wrong) - 1
            kinds.add(verdict.kind)
    assert kinds == {"arith", "operation", "quantity", "fact", "early", "extra"}
