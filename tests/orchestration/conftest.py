"""A home of its own for every test, and the fake method in this process."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from filelock import FileLock

sys.path.insert(0, str(Path(__file__).parent))

import fake_method

from genprm import carried
from genprm.settings import Profile
from orchestration.spending import Spending


class FakeRun:
    """A tracked run that remembers what was logged."""

    def __init__(self, name: str, log: list[tuple[str, Any]]) -> None:
        self.id = self.url = name
        self._log = log

    def environment(self) -> dict[str, str]:
        return {}

    def metrics(self, values: Any, run_id: str | None = None) -> None:
        self._log.append((run_id or self.id, dict(values)))

    def series(self, name: str, values: Any) -> None:
        self._log.append((self.id, {name: list(values)}))

    def dataset(self, *_: Any) -> None: ...

    def benchmark(self, *_: Any) -> None: ...

    def verifications(self, *_: Any) -> None: ...

    def model(self, *_: Any) -> None: ...


class FakeTracking:
    """Tracking without a server."""

    log: list[tuple[str, Any]] = []  # noqa: RUF012  one log for all runs of a test

    @contextmanager
    def run(self, context: Any, name: str, *_: Any, **__: Any) -> Iterator[FakeRun]:
        yield FakeRun(name, self.log)

    def metrics(self, run_id: str, values: Any) -> None:
        self.log.append((run_id, dict(values)))

    def register(self, contenders: Any, resamples: int) -> str | None:
        return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Dagster warns about parts in beta on every use; the pins in pyproject.toml decide which version that is."""
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore::dagster.BetaWarning"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`GENPRM_HOME` of this test."""
    monkeypatch.setenv("GENPRM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home" / "dagster"))
    monkeypatch.setenv("FAKE_CALLS", str(tmp_path / "calls"))
    for name in ("GENPRM_PROFILE", "GENPRM_SET", "FAKE_DEATHS", "FAKE_FAILURE", "FAKE_SLEEP"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


class House:
    """A pipeline of real assets on the fake method, made in this process."""

    def __init__(self, instance: dg.DagsterInstance, home: Path) -> None:
        self.instance = instance
        self.home = home
        self.use(fake_method.fake_profile())

    def use(self, profile: Profile) -> None:
        """Go on with another profile, as a new process would."""
        from assets.partitions import Pipeline
        from orchestration.reporting import report_parameters

        os.environ["GENPRM_HOME"] = str(self.home)
        os.environ["FAKE_CALLS"] = str(self.home / "calls")
        self.home.mkdir(exist_ok=True)
        self.profile = profile
        self.defs = fake_method.definitions(profile, tracking=FakeTracking())
        self.graph = self.defs.resolve_asset_graph()
        self.reported = report_parameters(self.instance, Pipeline(profile))

    def late(self) -> list[str]:
        """Partitions that are stale or missing, upstream first."""
        from genprm.store import profile_store
        from orchestration.damage import standing_of
        from orchestration.schedule import pipeline_nodes
        from orchestration.staleness import Staleness

        staleness = Staleness(self.instance, self.graph)
        store = profile_store(self.profile.name)
        nodes = pipeline_nodes(self.graph)
        return [str(node) for node in nodes if standing_of(node, staleness, store).state != "fresh"]

    def make(self, only: str | None = None) -> list[str]:
        """Make what is late, or `only` one partition, one after the other; what was made. A failure ends it."""
        from genprm.store import profile_store
        from orchestration.damage import standing_of
        from orchestration.schedule import pipeline_nodes
        from orchestration.staleness import Staleness
        from orchestration.worker import Order, execute

        made = []
        for node in pipeline_nodes(self.graph):
            staleness = Staleness(self.instance, self.graph)
            if (
                only in (None, str(node))
                and standing_of(node, staleness, profile_store(self.profile.name)).state != "fresh"
            ):
                order = Order(node.asset, node.partition)
                error = execute(self.defs, self.instance, order, {}).error
                if error:
                    raise RuntimeError(f"{node}: {error}")
                made.append(str(node))
        return made

    def spent(self, asset: str) -> Spending:
        """What an asset's materializations say that it cost."""
        from orchestration.schedule import pipeline_nodes
        from orchestration.spending import counted_artifacts, recorded, spending

        nodes = pipeline_nodes(self.graph, [asset])
        return spending([recorded(self.instance, node) for node in nodes], counted_artifacts()[asset])


@contextmanager
def fake_house(home: Path) -> Iterator[House]:
    """An empty house with two shards, two label variants, three trained models."""
    FakeTracking.log = []
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        for name in ("GENPRM_HOME", "FAKE_CALLS"):
            patch.setenv(name, "")  # what a house sets ends with it
        for module, name, fake in fake_method.replacements():
            patch.setattr(module, name, fake)
        yield House(instance, home)


@pytest.fixture
def house(home: Path) -> Iterator[House]:
    """An empty house of this test."""
    with fake_house(home) as house:
        yield house


@contextmanager
def databases(instance: dg.DagsterInstance, folder: Path) -> Iterator[list[tuple[Any, sqlite3.Connection]]]:
    """The records of an instance that keeps them in memory, each database beside a file for it."""
    events_of: Any = instance.event_log_storage
    runs_of: Any = instance.run_storage
    with (
        events_of.index_connection() as events,
        runs_of.connect() as runs,
        closing(sqlite3.connect(folder / "events.db")) as kept_events,
        closing(sqlite3.connect(folder / "runs.db")) as kept_runs,
    ):
        connections = (held.connection.dbapi_connection for held in (events, runs))
        yield list(zip(connections, (kept_events, kept_runs), strict=True))


@pytest.fixture(scope="session")
def finished_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a house in which everything was made, with Dagster's records: made once for all processes of the
    tests, which copy it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    finished = shared / "finished-home"
    with FileLock(shared / "finished-home.lock"):
        if not finished.exists():
            unfinished = shared / "unfinished-home"
            with fake_house(unfinished) as house:
                house.make()
                with databases(house.instance, unfinished) as records:
                    for in_memory, kept in records:
                        in_memory.backup(kept)
            unfinished.rename(finished)
    return finished


@contextmanager
def finished_house(finished_home: Path, home: Path) -> Iterator[House]:
    """A house of one's own in which everything was made."""
    shutil.copytree(finished_home, home)
    with fake_house(home) as house:
        with databases(house.instance, home) as records:
            for in_memory, kept in records:
                kept.backup(in_memory)
        yield house


@pytest.fixture
def made(finished_home: Path, home: Path) -> Iterator[House]:
    """A house of this test in which everything was made."""
    with finished_house(finished_home, home) as house:
        yield house


@pytest.fixture(scope="module")
def made_once(finished_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house in which everything was made, for all tests of a module: each leaves it as it found it."""
    with finished_house(finished_home, tmp_path_factory.mktemp("house") / "home") as house:
        yield house


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
