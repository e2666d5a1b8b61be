"""Each method on a script, step by step as its paper has it: whom it asks, whom it keeps, and what it takes.

Solutions are written as the letters of their steps. Ranks are those of the worst step, then of the mean log-odds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from genprm.search.particles import resample
from genprm.search.rebase import allocate
from genprm.seeds import derived_seed
from tests.genprm.search.scripted_steps import Script, follow


async def test_a_beam_keeps_the_first_of_equals_and_narrows() -> None:
    script = Script(
        {
            "": "a=.6 b=.9 c=.9 d=.4",  # b and c
            "b": "e=.9! f=.05",  # f is refuted
            "c": "g=.9 h=.95",  # h has the best mean, then e, which ends, and is as good as g: one place is left
            "ch": "i=.3 j=.2",
            "chi": "k=.9!x l=.9!y",
        }
    )
    chosen, finished, _ = await follow("beam", script, width=2, children=2)
    assert script.asked == [("", 4), ("b", 2), ("c", 2), ("ch", 2), ("chi", 2)]
    assert finished == ["be", "chik", "chil"]
    assert chosen == "be"


async def test_a_beam_of_refuted_steps_goes_on_without_the_judge() -> None:
    script = Script(
        {
            "": "a=.05 b=.02 c=.09 d~",  # d cannot go on, and the best two of the others are c and a
            "c": "e f",  # they are as good as c
            "a": "g! h",
            "ce": "i! j!",  # both places are taken by the first two of four equals
            "cf": "k! l!",
        }
    )
    chosen, finished, _ = await follow("beam", script, width=2, children=2)
    assert script.asked == [("", 4), ("c", 2), ("a", 2), ("ce", 2), ("cf", 2)]
    assert script.judged == ["a", "b", "c"]
    assert finished == ["ag", "cei", "cej", "cfk", "cfl"]
    assert chosen == "cei"


async def test_trees_do_not_wait_for_each_other() -> None:
    """Two trees: a and b, c and d. That c has ended is no reason to keep it, but it was found."""
    script = Script({"": "a=.4 b=.4 c=.9! d=.95", "a": "e=.2 f=.05!", "d": "g~ h~", "ae": "i=.9! j=.9!"})
    chosen, finished, _ = await follow("dvts", script, width=2, children=2)
    assert script.asked == [("", 2), ("", 2), ("a", 2), ("d", 2), ("ae", 2)]
    assert finished == ["aei", "aej", "af", "c"]
    assert chosen == "c"


async def test_a_look_ahead_ranks_a_step_by_the_next_one() -> None:
    script = Script(
        {
            "": "a=.9 b=.8 c=.7!",
            "a": "e=.3",
            "b": "f=.85 g=.6! h=.8 i=.8",  # f is dropped, and b goes on with other steps
            "bh": "j=.05",
            "bi": "k=.7! l=.9! m=.2! n=.9!",  # k was seen ahead, and was finished
        }
    )
    chosen, finished, _ = await follow("lookahead", script, width=1, children=3)
    assert script.asked == [("", 3), ("a", 1), ("b", 1), ("b", 3), ("bh", 1), ("bi", 1), ("bi", 3)]
    assert finished == ["bg", "bik", "bil", "bim", "bin", "c"]
    assert chosen == "bil"


async def test_a_look_ahead_of_two_steps_stops_at_an_end_and_at_a_no() -> None:
    """c leads to .2, d to an end with .8, and behind e there is nothing to be seen."""
    script = Script(
        {
            "": "a=.9 b=.9 e=.9",
            "a": "c=.9",
            "ac": "d=.2",
            "b": "f=.8! g=.9! h=.9! i=.9!",
            "e": "j=.05",
        }
    )
    chosen, _, _ = await follow("lookahead", script, width=1, children=3, lookahead=2)
    assert script.asked == [("", 3), ("a", 1), ("b", 1), ("e", 1), ("ac", 1), ("b", 3)]
    assert chosen == "bg"


async def test_a_look_ahead_keeps_no_refuted_step_beside_a_sound_one() -> None:
    """Nor one behind which there is no room. Both have a place of the beam left."""
    script = Script({"": "a=.9 b=.05 c=.95#", "a": "d=.9! e=.9!"})
    _, finished, _ = await follow("lookahead", script, width=3, children=1)
    assert script.asked == [("", 3), ("a", 1), ("c", 1), ("a", 1)]
    assert finished == ["ad", "ae"]


def starts(seed: int) -> list[float]:
    """Where the combs of the first two steps begin."""
    return [np.random.default_rng(derived_seed(seed, "problem", "0", step)).random() for step in (0, 1)]


def seeded(fits: Callable[[float, float], bool]) -> int:
    return next(seed for seed in range(1000) if fits(*starts(seed)))


@pytest.mark.parametrize(("low", "letter"), [(0, "a"), (1 / 3, "b"), (2 / 3, "c")])
async def test_particles_are_drawn_by_their_odds(low: float, letter: str) -> None:
    """Odds of 1, 1, 1 and 9: the effective size is 144 / 84 = 1.7 of 4. Of four teeth the first stands on 0 to 1/4,
    where each of the first three has a third, and the others on the fourth particle."""
    script = Script(
        {
            "": "a=.5 b=.5 c=.5 d=.9",
            **dict.fromkeys("abc", "e=.5!"),
            "d": "f=.5 g=.5! h=.5",
            "df": "i=.9!",
            "dh": "j=.1!",
        }
    )
    seed = seeded(lambda start, _: low + 0.01 < start < low + 0.32)
    chosen, finished, _ = await follow("particles", script, seed=seed, width=4)
    assert script.asked == [("", 4), (letter, 1), ("d", 3), ("df", 1), ("dh", 1)]
    assert finished == [f"{letter}e", "dfi", "dg", "dhj"]
    assert chosen == "dfi"


@pytest.mark.parametrize(("drawn", "asked"), [("both are a", [("", 2)]), ("each is itself", [("", 2), ("b", 1)])])
async def test_a_particle_that_has_ended_can_be_drawn(drawn: str, asked: list[tuple[str, int]]) -> None:
    """Shares of .9 and .1: the second tooth stands on the second particle where the comb begins behind .8."""
    script = Script({"": "a=.9! b=.5", "b": "c=.5!"})
    seed = seeded(lambda start, _: (start < 0.79) == (drawn == "both are a") and abs(start - 0.8) > 0.01)
    await follow("particles", script, seed=seed, width=2, resample_below=1.0)
    assert script.asked == asked


async def test_the_odds_of_particles_grow_sharper_with_each_step() -> None:
    """Temperatures 4, 2, 1. Odds of 9 are 1.73 at first (effective size 1.87), and 1.73 * 3 after the second step
    (1.37)."""
    script = Script({"": "a=.9 b=.5", "a": "c=.9", "b": "d=.5", "ac": "e=.5! f=.5!"})
    seed = seeded(lambda first, second: first < 0.45 and second < 0.67)
    await follow("particles", script, seed=seed, width=2, resample_below=0.9, weight_temperature=4.0)
    assert script.asked == [("", 2), ("a", 1), ("b", 1), ("ac", 2)]
    hot = Script({"": "a=.9 b=.5", "a": "c=.9! d=.9!"})
    await follow("particles", hot, seed=seeded(lambda start, _: start < 0.79), width=2, resample_below=0.9)
    assert hot.asked == [("", 2), ("a", 2)]


async def test_particles_that_cannot_go_on_are_as_good_as_wrong() -> None:
    """b is cut, c is refuted and d has no room: after the second step all are drawn from a."""
    script = Script({"": "a=.5 b~ c=.05 d=.5#", "a": "e=.5", "ae": "f=.9! g=.9! h=.9! i=.9!", "c": "j"})
    seed = seeded(lambda first, second: 0.01 < first < 0.99 and second < 0.99)
    await follow("particles", script, seed=seed, width=4, resample_below=0.3)
    # Shares of a, c and d are 1 to .053 to 1 (effective size 1.9 of 4, which is enough), then 1 and nothing.
    assert script.asked == [("", 4), ("a", 1), ("c", 1), ("d", 1), ("ae", 4)]


def test_the_comb_takes_particles_in_their_order() -> None:
    """Shares .1, .6, .3 end at .1, .7, 1; teeth stand at 0, 1/3, 2/3 and then a third of `start` further."""
    shares = np.array([0.1, 0.6, 0.3])
    assert resample(shares, 0.0) == [0, 1, 1]
    assert resample(shares, 0.05) == [0, 1, 1]
    assert resample(shares, 0.2) == [0, 1, 2]
    assert resample(shares, 0.5) == [1, 1, 2]
    assert resample(np.array([0.0, 1.0, 0.0]), 0.0) == [1, 1, 1], (
        "what has no weight is not drawn, also at its edge"
    )
    for start in np.linspace(0, 1, 50, endpoint=False):
        assert resample(np.full(7, 1 / 7), start) == list(range(7))


def test_samples_are_shared_out_by_softmax() -> None:
    """exp(.9 / .2) is 7.39 times exp(.5 / .2). The rest goes to the largest remainders, of equals to the first."""
    assert allocate([0.9, 0.5, 0.5], 3, 0.2) == [3, 0, 0]  # 2.36, .32, .32
    assert allocate([0.9, 0.5, 0.5], 3, 2.0) == [1, 1, 1]  # 1.14, .93, .93
    assert allocate([0.5, 0.9, 0.5], 6, 0.2) == [1, 5, 0]  # .64, 4.72, .64
    assert allocate([0.7] * 3, 7, 0.2) == [3, 2, 2]
    assert allocate([1.0, 0.0], 4, 0.01) == [4, 0]


@pytest.mark.parametrize(
    ("balance", "asked"),
    [(0.2, [("", 4), ("a", 3)]), (2.0, [("", 4), ("a", 1), ("b", 1), ("c", 1)])],
)
async def test_an_ended_solution_takes_its_sample_with_it(balance: float, asked: list[tuple[str, int]]) -> None:
    script = Script({"": "a=.9 b=.5 c=.5 d=.6!", "a": "e=.9! f=.9! g=.9!", "b": "h=.5!", "c": "i=.5!"})
    await follow("rebase", script, width=2, children=2, balance=balance)
    assert script.asked == asked


async def test_the_sample_of_one_that_is_given_up_goes_to_the_others() -> None:
    """Of equal shares of 4 samples the first gets the one that is left over. Two of x are worth more than one y."""
    script = Script({"": "a=.5 b=.5 c=.5 d~", "a": "e=.3!x f=.9!y", "b": "g=.3!x", "c": "h~"})
    chosen, finished, _ = await follow("rebase", script, width=2, children=2)
    assert script.asked == [("", 4), ("a", 2), ("b", 1), ("c", 1)]
    assert finished == ["ae", "af", "bg"]
    assert chosen == "ae"


PUCT = {
    "": "a=.8 b=.6",  # worth .8
    "a": "c=.3 d=.2!",  # a was taken by .8 + .5 over .6 + .5; worth .3
    "b": "e=.5! f=.4",  # a has .3 + .35, b .6 + .71; worth .5
    # Then b again (.93 over .73), and there e (.5 + .5 over .4 + .5): it has ended, and is worth .5 once more.
    "bf": "g=.05! h~",  # b (.83 over .8), and f (.4 + .71 over .5 + .35); worth .05, since h is worth nothing
    "ac": "i=.9! j=.9!",  # a (.86 over .63), and c (.3 + .5 over .2 + .5)
}


@pytest.mark.parametrize(
    ("simulations", "exploration", "asked"),
    [(6, 1.0, ["", "a", "b", "bf", "ac"]), (4, 1.0, ["", "a", "b"]), (6, 0.0, ["", "a", "b"])],
)
async def test_puct_goes_where_value_and_rarity_point(
    simulations: int, exploration: float, asked: list[str]
) -> None:
    """Without exploration it stays with e, whose mean is the best of all."""
    script = Script(PUCT)
    await follow("puct", script, children=2, simulations=simulations, exploration=exploration)
    assert script.asked == [(path, 2) for path in asked]


async def test_puct_gives_the_best_new_reward_to_all_above() -> None:
    """a has .7 after c and d, which is more than b's .6; then .7 and .2 on average, which is less."""
    script = Script({"": "a=.8 b=.6", "a": "c=.7 d=.3", "ac": "e=.2! f=.15!", "b": "g=.6! h=.1!"})
    await follow("puct", script, children=2, simulations=4, exploration=0.0)
    assert script.asked == [("", 2), ("a", 2), ("ac", 2), ("b", 2)]


async def test_puct_takes_the_first_of_equals() -> None:
    script = Script({"": "a=.5 b=.5", "a": "c=.4! d=.4!", "b": "e=.5! f=.5!"})
    chosen, finished, _ = await follow("puct", script, children=2, simulations=3, exploration=0.0)
    assert script.asked == [("", 2), ("a", 2), ("b", 2)]
    assert finished == ["ac", "ad", "be", "bf"]
    assert chosen == "be"


async def test_puct_expects_nothing_of_a_step_that_was_cut_short() -> None:
    """a has no reward of its own; the one of its beginning, 1/2, would be more than b's."""
    script = Script({"": "a~ b=.2", "b": "c=.2! d=.2!"})
    await follow("puct", script, children=2, simulations=2, exploration=0.0)
    assert script.asked == [("", 2), ("b", 2)]


async def test_a_rejected_step_is_written_again() -> None:
    script = Script(
        {
            "": "a=.4 b=.5",  # 1/2 is a Yes
            "b": "c=.2 d=.3 e=.3",  # all three are rejected, and d is the first of the best
            "bd": "f~ g=.05 h=.04",  # f counts as a try
            "bdg": "i!",  # what follows a sure No is not judged, so that there is nothing to reject
        }
    )
    chosen, finished, result = await follow("reset", script, width=1, tries=3)
    assert script.asked == [("", 1)] * 2 + [("b", 1)] * 3 + [("bd", 1)] * 3 + [("bdg", 1)]
    assert (chosen, finished) == ("bdgi", ["bdgi"])
    assert [round(reward, 2) for reward in result.candidates[0].rewards] == [0.5, 0.3, 0.05]


@pytest.mark.parametrize(
    ("method", "chosen"),
    [("best-of-n", "b"), ("vote", "c"), ("majority", "a")],
)
async def test_choices_among_the_same_solutions(method: str, chosen: str) -> None:
    """The best is the first of two; x has .3 + .3, y .4 + .45, z .5 and w .5; of the votes for x and y, two each,
    those for x came first, and a is the first of its best."""
    script = Script({"": "a=.3!x d=.4!y b=.5!z c=.45!y e=.5!w f=.3!x"}, tokens=1)
    found, finished, _ = await follow(method, script, budget=6, width=6)
    assert finished == list("adbcef")
    assert found == chosen


async def test_votes_of_the_same_rewards_are_equal_in_any_order() -> None:
    """To a computer .5 + .3 + .2 is more than .2 + .3 + .5; the answer that was drawn first is taken."""
    script = Script({"": "a=.2!x b=.3!x c=.5!x d=.5!y e=.3!y f=.2!y"}, tokens=1)
    assert (await follow("vote", script, budget=6, width=6))[0] == "c"


async def test_equal_rewards_are_equal_over_any_number_of_steps() -> None:
    """The mean of five equal numbers is another number to a computer."""
    script = Script({"": "a=1 f=1!", "a": "b=1", "ab": "c=1", "abc": "d=1", "abcd": "e=1!"})
    chosen, finished, _ = await follow("particles", script, width=2)
    assert finished == ["abcde", "f"]
    assert chosen == "abcde"
    script = Script({"": "f=1! a=1", "a": "b=1", "ab": "c=1", "abc": "d=1", "abcd": "e=1!"})
    assert (await follow("particles", script, width=2))[0] == "f"
