"""The champion moves only where F1 is higher by more than chance explains."""

from __future__ import annotations

from genprm.evaluation.metrics import Judged
from genprm.evaluation.promotion import Contender, is_better, successor


def judged(right: int, cases: int = 40, subset: str = "gsm8k") -> list[Judged]:
    """A model that is right about the first `right` of `cases` cases, every other one of which has an error."""
    labels = [0 if index % 2 else -1 for index in range(cases)]
    return [
        Judged(str(index), subset, label, (label if index < right else 1,)) for index, label in enumerate(labels)
    ]


def contender(model: str, right: int) -> Contender:
    return Contender(model, f"weights of {model}", f"run of {model}", judged(right))


def test_one_case_more_is_chance_and_half_of_the_cases_more_is_not() -> None:
    assert not is_better(judged(21), judged(20))
    assert is_better(judged(40), judged(20))
    assert not is_better(judged(20), judged(40))
    assert not is_better(judged(20), judged(20))


def test_the_same_lead_counts_more_where_cases_are_paired() -> None:
    """30 of 40 against 22: paired, eight cases are better and none is worse; unpaired intervals overlap."""
    assert is_better(judged(30), judged(22))
    others = [Judged(f"other-{case.id}", case.subset, case.label, case.predictions) for case in judged(22)]
    assert not is_better(judged(30), others)
    beyond_doubt = [Judged(f"other-{case.id}", case.subset, case.label, case.predictions) for case in judged(4)]
    assert is_better(judged(40), beyond_doubt)


def test_the_first_champion_is_the_best_and_stays_until_it_is_beaten() -> None:
    first = [contender("a", 20), contender("b", 24)]
    assert successor(first, None).model == "b"
    assert successor([contender("c", 25)], judged(24)) is None
    assert successor([contender("c", 25), contender("d", 40), contender("e", 38)], judged(24)).model == "d"
    assert successor([], judged(24)) is None
    assert successor([contender("c", 40)], []) is None, "a champion of which nothing is known is not beaten"
