"""The pipeline on two machines that share Dagster's records and a bucket, and no files."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import fake_method
import pytest
from conftest import House

from genprm import carried


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a bucket of an S3 in this process, spoken to over HTTP."""
    reason = 'moto or s3fs is not installed (pip install "genprm[s3,dev]")'
    s3fs = pytest.importorskip("s3fs", reason=reason)
    server = pytest.importorskip("moto.server", reason=reason).ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    surroundings = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_DEFAULT_REGION": "us-east-1"}
    surroundings |= {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing"}
    for variable, value in surroundings.items():
        monkeypatch.setenv(variable, value)
    s3fs.S3FileSystem.clear_instance_cache()
    name = f"runs-{uuid.uuid4().hex}"  # what moto keeps outlives its server
    s3fs.S3FileSystem().mkdir(name)
    monkeypatch.setenv(carried.ADDRESS, f"s3://{name}/ours")
    yield f"s3://{name}/ours"
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


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
