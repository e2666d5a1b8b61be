"""The measurement of orchestration: every way makes every partition, and costs something."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.bench import measure


@pytest.mark.slow
def test_every_way_makes_the_partitions(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENPRM_BENCH_PARTITIONS", "3")
    rows = measure(3, workers=1)
    assert [(row["way"], row["partitions"]) for row in rows] == [
        ("runner, 1 workers", 3),
        ("one process", 3),
        ("process per run", 2),
        ("look", 3),
    ]
    for row in rows:
        assert row["seconds"] == pytest.approx(float(row["ms each"] or 0) * int(row["partitions"] or 0) / 1000)
    assert rows[2]["ratio"] == pytest.approx(1.0)
