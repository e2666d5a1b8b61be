"""Why orderings come out as they do, from rows that are made up."""

from __future__ import annotations

from pathlib import Path

from genprm.lineup import Lineup
from genprm.profiles import build_profile
from genprm.records import Prediction
from genprm.results.captions import column_caption, row_caption
from genprm.results.evidence import acceptance, agreement, evidence_measures, sureness
from genprm.results.measures import Measure
from genprm.scaling.best_of_n import Candidate
from genprm.store import TableStore


def said(case: int, label: int, *paths: list[float]) -> Prediction:
    return Prediction(f"c{case}", "s", "g", "p", ["a", "b"], True, label, -1, paths[0], list(paths), 9, 0)


def values(rows: list[Measure]) -> dict[str, tuple[float, int]]:
    return {column_caption(row): (row.value, row.count) for row in rows}


def test_a_vote_can_change_only_the_cases_on_which_paths_differ() -> None:
    rows = [
        said(0, 1, [0.9, 0.2], [0.8, 0.1]),  # agree, and are right
        said(1, -1, [0.3], [0.1]),  # agree, and are wrong
        said(2, -1, [0.9, 0.9], [0.9, 0.4]),  # differ
        said(3, -1, [0.9, 0.6], [0.7, 0.9]),  # agree, and are right
    ]
    assert values(agreement(rows, 0.5)) == {
        "all paths agree": (75.0, 4),
        "right where they agree": (100 * 2 / 3, 3),
    }


def test_a_wrong_candidate_may_be_preferred_to_a_right_one_that_is_accepted_too() -> None:
    right, wrong = (
        (lambda reward: Candidate(0, True, (0.99, reward))),
        (lambda reward: Candidate(1, False, (reward,))),
    )
    problems = [
        [right(0.90), wrong(0.91)],  # lost, though the right one was accepted
        [right(0.40), wrong(0.80)],  # lost, as the right one was not
        [right(0.95), wrong(0.10)],
        [right(0.20), right(0.85)],
    ]
    assert values(acceptance(problems, "min", 0.5)) == {
        "right candidates accepted": (60.0, 5),
        "wrong candidates accepted": (100 * 2 / 3, 3),
        "wrong one preferred to an accepted right one": (25.0, 4),
    }


def test_a_judge_that_is_sure_is_not_always_right() -> None:
    rows = [said(0, 1, [0.97, 0.03]), said(1, -1, [0.02]), said(2, -1, [0.99, 0.7]), said(3, 0, [0.04, 0.5])]
    assert values(sureness(rows, 0.1, 0.5)) == {"sure": (75.0, 4), "right where sure": (100 * 2 / 3, 3)}


def test_only_what_was_measured_is_explained(tmp_path: Path) -> None:
    values = {"name": "p", "training": {"base": {"b": "hub/b"}}}
    store, predictions = TableStore(tmp_path), {"b.main.full": [said(0, -1, [0.9], [0.8])]}
    rows = evidence_measures(Lineup(build_profile(values)), store, predictions)
    assert {row_caption(row) for row in rows} == {"b.main.full, 8 paths"}
    one_path = {**values, "evaluation": {"votes": 1}}
    assert evidence_measures(Lineup(build_profile(one_path)), store, predictions) == []
