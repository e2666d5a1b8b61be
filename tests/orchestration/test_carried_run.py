"""The pipeline on two machines that share Dagster's records and a bucket, and no files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import fake_method
import pytest
from conftest import House


def work_in(house: House, home: Path) -> None:
    """Go on as another machine, which sees the same records."""
    house.home = home
    house.use(fake_method.fake_profile())


@pytest.mark.slow
def test_another_machine_goes_on_where_one_was_lost(
    house: House, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_in(house, tmp_path / "one")
    monkeypatch.setenv("FAKE_FAILURE", "training")
    with pytest.raises(RuntimeError, match="the loss is not a number"):
        house.make()
    first = Counter(fake_method.calls())
    assert first["solutions"] == 8

    work_in(house, tmp_path / "two")
    monkeypatch.delenv("FAKE_FAILURE")
    made = house.make()
    second = Counter(fake_method.calls())
    assert not any(name.startswith(("problems", "solutions", "mc_scores", "rationales")) for name in made)
    assert {"checkpoints tiny.main.full", "leaderboard", "report"} <= set(made)
    assert not second.keys() & {"solutions", "mc_scores", "rationales"}, "nothing finished is done twice"
    assert (tmp_path / "two" / "fake" / "tables" / "solutions" / "0-of-2.parquet").is_file()

    work_in(house, tmp_path / "one")
    assert house.late() == []
    page = Path("fake", "report", "index.html")
    assert (tmp_path / "one" / page).read_bytes() == (tmp_path / "two" / page).read_bytes()


@pytest.mark.slow
def test_rows_of_a_partition_that_was_not_finished_are_found_elsewhere(
    house: House, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_in(house, tmp_path / "one")
    monkeypatch.setenv("FAKE_FAILURE", "p3")
    with pytest.raises(RuntimeError, match="no solution of p3"):
        house.make()
    first = Counter(fake_method.calls())["solutions"]

    work_in(house, tmp_path / "two")
    monkeypatch.delenv("FAKE_FAILURE")
    assert "problems" not in house.late(), "it was brought"
    for partition in ("0-of-2", "1-of-2"):
        house.make(f"solutions {partition}")
    assert first + Counter(fake_method.calls())["solutions"] == 8 + 1, (
        "the one that failed, and no other, was asked twice"
    )
