"""Every method against its reference: what it does on the same steps, and how often it is right, exactly.

The reference is written from the papers (`reference.py`). On a toy process all of its outcomes are enumerated
(`enumeration.py`), which gives its accuracy; and each search that is run is gone through again by it (`replay.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from genprm.registry import SEARCHES
from genprm.settings import SearchSettings
from tests.genprm.search import enumeration
from tests.genprm.search.enumeration import Judging, accuracy
from tests.genprm.search.reference import METHODS
from tests.genprm.search.replay import right_and_as_the_reference
from tests.genprm.search.toy_process import Process, ToyJudge, ToyPolicy

PROBLEMS = 400
PROCESS = Process(0.6, (0.2, 0.5, 1.0))
"""A fifth of the solutions has one step, two fifths have two, and two fifths three."""
SHORT = Process(0.6, (0.4, 1.0))
INDEPENDENT = ("best-of-n", "vote", "majority")
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    **dict.fromkeys(INDEPENDENT, ({"width": 2}, {"width": 3})),
    "beam": ({"width": 2, "children": 2}, {"width": 1, "children": 3}),
    "dvts": ({"width": 2, "children": 2}, {"width": 3, "children": 3}),
    "lookahead": ({"width": 1, "children": 3}, {"width": 1, "children": 2, "lookahead": 2}),
    "particles": (
        {"width": 3, "resample_below": 1.0},
        {"width": 3, "resample_below": 0.7, "weight_temperature": 3.0},
    ),
    "rebase": ({"width": 3, "children": 1}, {"width": 3, "children": 1, "balance": 2.0}),
    "puct": ({"children": 2, "simulations": 3}, {"children": 2, "simulations": 4, "exploration": 0.1}),
    "reset": ({"width": 2, "tries": 2}, {"width": 1, "tries": 3}),
}
JUDGES = {
    "perfect": (Judging("perfect"),) * 2,
    "saturated": (Judging("saturated"),) * 2,
    "random": (Judging("random", (0.3, 0.8)), Judging("random", (0.05, 0.6))),
}
"""The second random judge is now and then sure of a No."""


class Case(NamedTuple):
    method: str
    judging: Judging
    settings: SearchSettings
    process: Process


def cases() -> Iterator[Any]:
    for method, two in SETTINGS.items():
        for kind, judges in JUDGES.items():
            for number, (judging, chosen) in enumerate(zip(judges, two, strict=True)):
                if method == "majority" and kind != "saturated":
                    continue  # Nobody judges, which is as if all were approved of.
                # Votes of a judge that guesses are too many to be enumerated over three steps.
                process = SHORT if (method, kind) == ("rebase", "random") else PROCESS
                case = Case(method, judging, SearchSettings(**chosen), process)
                yield pytest.param(case, id=f"{method}-{kind}-{number}")


def policy(method: str, process: Process) -> ToyPolicy:
    """Steps are free, so that there is one round; independent solutions cost 1 each, and the budget counts them."""
    return ToyPolicy(process, 0, int(method in INDEPENDENT))


def judge(judging: Judging) -> ToyJudge:
    return ToyJudge(judging.kind, judging.levels, (0, 0))


def test_every_method_has_a_reference() -> None:
    assert set(METHODS) == set(SEARCHES.names()) == set(SETTINGS)


@pytest.mark.parametrize("case", list(cases()))
async def test_accuracy_is_what_enumeration_says(case: Case) -> None:
    method, judging, settings, process = case
    expected = accuracy(method, process, judging, settings)
    right = 0
    for seed in range(PROBLEMS):
        right += await right_and_as_the_reference(method, policy(method, process), judge(judging), settings, seed)
    assert abs(right / PROBLEMS - expected) < 4 * math.sqrt(expected * (1 - expected) / PROBLEMS)


LONG = Process(0.8, (0.1, 0.1, 0.2, 0.2, 0.2, 0.5, 1.0), cut=0.05, full=0.05)
WIDE = SearchSettings(max_steps=6, resample_below=0.8, weight_temperature=4.0, simulations=20, tries=3, lookahead=2)


@pytest.mark.parametrize("kind", JUDGES)
@pytest.mark.parametrize("method", METHODS)
async def test_long_searches_do_what_the_reference_does(method: str, kind: str) -> None:
    """Too much to be enumerated: width 4, up to seven steps; some are cut, fill the context or are too many."""
    process, settings = LONG, WIDE
    if method in INDEPENDENT:
        # A solution that costs nothing, since it does not end, is no round of a budget.
        process, settings = Process(LONG.right, LONG.ends, LONG.cut), WIDE.model_copy(update={"max_steps": 7})
    for seed in range(42):
        guess = ToyJudge(kind, (0.05, 0.3, 0.8), (0, 0))
        chosen = settings.model_copy(update={"choose": ("best", "vote", "majority")[seed % 3]})
        await right_and_as_the_reference(method, policy(method, process), guess, chosen, seed)


THREE = Process(0.6, (0.0, 0.0, 1.0))


def some_of(count: int, each: float) -> float:
    return 1 - (1 - each) ** count


def beam_by_counting(left: int, samples: int, width: int = 2, children: int = 2) -> float:
    """The probability that a right solution is left: of r right steps, min(r, width) go on."""
    if left == 1:
        return some_of(samples, 0.6)
    return sum(
        math.comb(samples, right)
        * 0.6**right
        * 0.4 ** (samples - right)
        * beam_by_counting(left - 1, min(right, width) * children)
        for right in range(1, samples + 1)
    )


KNOWN: dict[str, tuple[dict[str, Any], float]] = {
    "best-of-n": ({"width": 4}, some_of(4, 0.6**3)),
    "majority": ({"width": 2}, 0.6**3),
    "beam": ({"width": 2, "children": 2}, beam_by_counting(3, 4)),
    "dvts": ({"width": 2, "children": 3}, some_of(2, some_of(3, 0.6) ** 3)),
    "reset": ({"width": 2, "tries": 3}, some_of(2, some_of(3, 0.6) ** 3)),
    "particles": ({"width": 1}, 0.6**3),
}
"""Accuracies with a perfect judge where all solutions have three steps."""


@pytest.mark.parametrize("method", KNOWN)
def test_the_oracle_knows_what_a_formula_says(method: str) -> None:
    chosen, formula = KNOWN[method]
    exact = accuracy(method, THREE, Judging("perfect"), SearchSettings(**chosen))
    assert exact == pytest.approx(formula, abs=1e-12)


@pytest.mark.parametrize("name", ["_alike", "_as_few", "_is_hidden"])
@pytest.mark.parametrize("method", ["beam", "particles", "puct", "rebase", "reset", "vote"])
def test_short_cuts_of_the_oracle_change_nothing(method: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outcomes are taken as alike, of solutions those that can win are kept, and some judges see no flaws."""
    without = {
        "_alike": lambda *held: held,
        "_as_few": lambda finished, _: finished,
        "_is_hidden": lambda *_: False,
    }
    settings = SearchSettings(**{**SETTINGS[method][0], "width": 2, "simulations": 2})
    expected = accuracy(method, SHORT, Judging("random"), settings)
    monkeypatch.setattr(enumeration, name, without[name])
    assert accuracy(method, SHORT, Judging("random"), settings) == pytest.approx(expected, abs=1e-12)
