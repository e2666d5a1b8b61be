"""Anyone's predictions: what is read from a line, and the one line that says what is wrong with it."""

from __future__ import annotations

import json

import pytest

from genprm.data_sets.rows import InputError, json_rows
from genprm.evaluation.predictions import PredictionRow, parse_predictions


def read_predictions(lines: list[str], source: str = "input") -> list[PredictionRow]:
    return parse_predictions(json_rows(lines, source), source)


def line(**fields: object) -> str:
    return json.dumps({"id": "x", "label": 1} | fields)


@pytest.mark.parametrize(
    ("fields", "subset", "prediction"),
    [
        ({"prediction": 2}, "all", 2),
        ({"prediction": -1, "subset": "math"}, "math", -1),
        ({"prediction": None}, "all", None),
        ({"rewards": [0.9, 0.4, 0.1]}, "all", 1),
        ({"rewards": [0.9, 0.5, 1]}, "all", -1),
        ({"rewards": [0.2]}, "all", 0),
        ({"rewards": [0.9, 0.9], "prediction": 0}, "all", 0),
        ({"prediction": -1.0}, "all", -1),
        ({"prediction": "3"}, "all", 3),
        ({"rewards": [0.9, 0.9], "subset": None, "more": 1}, "all", -1),
    ],
)
def test_a_line_gives_a_prediction(fields: dict[str, object], subset: str, prediction: int | None) -> None:
    assert read_predictions([line(**fields)]) == [PredictionRow("x", subset, 1, prediction)]


def test_rewards_may_end_at_the_first_negative_one() -> None:
    (row,) = read_predictions([line(label=5, rewards=[0.9, 0.1])])
    assert (row.label, row.prediction) == (5, 1)


@pytest.mark.parametrize(
    ("identity", "subset"),
    [("gsm8k-0", "gsm8k"), ("omnimath-17", "omnimath"), ("math-x", "all"), ("algebra-3", "all"), ("-1", "all")],
)
def test_an_id_of_processbench_says_its_subset(identity: str, subset: str) -> None:
    (row,) = read_predictions([line(id=identity, prediction=1)])
    assert row.subset == subset


def test_an_id_may_come_again_in_another_subset() -> None:
    rows = read_predictions([line(prediction=1, subset="a"), "", line(prediction=1, subset="b")])
    assert [row.subset for row in rows] == ["a", "b"]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("{'id': 1}", "input line 2: not JSON"),
        ("3", "input line 2: 3 is not a JSON object"),
        ('{"label": 1, "prediction": 1}', "field 'id' is missing"),
        ('{"id": "y", "prediction": 1}', "field 'label' is missing, allowed: a whole number from -1"),
        (line(id="y", label="one", prediction=1), "field 'label' is 'one', allowed: a whole number from -1"),
        (line(id="y", label=-2, prediction=1), "field 'label' is -2, allowed: a whole number from -1"),
        (line(id="y", label=True, prediction=1), "field 'label' is True"),
        (line(id="y"), "field 'prediction' is missing, allowed: 'prediction' or 'rewards'"),
        (
            line(id="y", prediction=1.5),
            "field 'prediction' is 1.5, allowed: a whole number from -1 (no error), or null",
        ),
        (line(id="y", prediction=-2), "field 'prediction' is -2"),
        (line(id="y", rewards=[]), "field 'rewards' is [], allowed: a non-empty list of numbers from 0 to 1"),
        (line(id="y", rewards=[0.5, 2]), "field 'rewards[1]' is 2, allowed: a number from 0 to 1"),
        (
            line(id="y", label=2, rewards=[0.9, 0.9]),
            "field 'label' is 2, allowed: -1 or a step index below the 2 rewards",
        ),
        (line(id="y", subset=3, prediction=1), "field 'subset' is 3, allowed: a non-empty string"),
        (line(prediction=1), "id 'x' is already used at input line 1"),
    ],
)
def test_a_wrong_line_is_refused_in_one_line(bad: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        read_predictions([line(prediction=0), bad])
    assert message in str(error.value)
    assert "line 2" in str(error.value)
    assert "\n" not in str(error.value)


def test_no_lines_are_refused() -> None:
    with pytest.raises(InputError, match=r"predictions\.jsonl: no predictions"):
        read_predictions(["", "  "], "predictions.jsonl")
