"""The table that measurements print."""

from __future__ import annotations

import json

import pytest

from genprm.speed.tables import show

ROWS = [{"way": "one at a time", "steps/s": 0.31}, {"way": "together", "steps/s": 6.2, "ratio": 20.0}]


def test_the_table_has_a_column_for_every_name_and_the_machine_below(capsys: pytest.CaptureFixture[str]) -> None:
    show("Verification", ROWS, as_json=False, notes=["64 solutions"])

    shown = capsys.readouterr().out
    assert all(
        word in shown for word in ("Verification", "one at a time", "0.31", "ratio", "20", "cores", "64 solutions")
    )


def test_json_holds_the_rows_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    show("Verification", ROWS, as_json=True)

    report = json.loads(capsys.readouterr().out)
    assert report["rows"] == ROWS
    assert report["machine"]["cores"] >= 1
