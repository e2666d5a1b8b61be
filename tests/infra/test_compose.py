"""What the containers are told fits the code they hold: checked in the files, without Docker."""

from __future__ import annotations

import fnmatch
import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration import home as house
from orchestration import postgres

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "infra/compose.yaml").read_text()
DOCKERFILE = (ROOT / "infra/docker/Dockerfile").read_text()
WORKDIR = "/app"


def with_defaults(text: str) -> str:
    """`${NAME:-default}` as Compose fills it in where nothing is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


ALL_SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(with_defaults(COMPOSE))["services"]
SERVICES = {name: service for name, service in ALL_SERVICES.items() if "profiles" not in service}
"""Those that start unless a profile is asked for."""
CLUSTER = dict(
    line.split("=", 1) for line in (ROOT / "infra/cluster.env").read_text().splitlines() if not line.startswith("#")
)


def image_environment() -> dict[str, str]:
    return dict(re.findall(r"^\s*(?:ENV )?([A-Z_]+)=(\S+)(?: \\)?$", DOCKERFILE, re.MULTILINE))


def option(service: str, name: str) -> str:
    (value,) = (word.split("=", 1)[1] for word in SERVICES[service]["command"] if word.startswith(f"--{name}="))
    return str(value)


def test_every_service_starts_an_installed_program() -> None:
    installed = {point.name for point in importlib.metadata.entry_points(group="console_scripts")}
    assert {name: service["command"][0] for name, service in SERVICES.items()} == {
        "mlflow": "mlflow",
        "code": "dagster",
        "webserver": "dagster-webserver",
        "daemon": "dagster-daemon",
    }
    assert {service["command"][0] for service in SERVICES.values()} <= installed


def test_the_web_server_and_the_daemon_find_the_code_location() -> None:
    for service in ("webserver", "daemon"):
        path = option(service, "workspace")
        assert path.startswith(f"{WORKDIR}/")
        (location,) = yaml.safe_load((ROOT / path.removeprefix(f"{WORKDIR}/")).read_text())["load_from"]
        server = location["grpc_server"]
        assert server["host"] == "code"
        assert str(server["port"]) == option("code", "port")
    module = option("code", "module-name")
    assert (ROOT / f"{module.replace('.', '/')}.py").exists()


def test_runs_are_tracked_where_mlflow_listens() -> None:
    assignments = dict(word.split("=", 1) for word in SERVICES["code"]["environment"]["GENPRM_SET"].split())
    address = f"mlflow:{option('mlflow', 'port')}"
    assert assignments["tracking.uri"] == f"http://{address}"
    assert address in option("mlflow", "allowed-hosts").split(",")


def test_everything_that_is_kept_lies_in_the_volume(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = image_environment()
    monkeypatch.setenv("GENPRM_HOME", environment["GENPRM_HOME"])
    assert environment["DAGSTER_HOME"] == str(house.dagster_home())
    assert option("mlflow", "backend-store-uri") == f"sqlite:///{house.mlflow_database()}"
    assert option("mlflow", "artifacts-destination") == str(house.artifacts_folder())
    for service in SERVICES.values():
        assert service["volumes"] == [f"data:{environment['GENPRM_HOME']}"]


def test_the_profile_of_several_machines_has_the_server_that_it_names() -> None:
    profile, host = CLUSTER["COMPOSE_PROFILES"], CLUSTER[postgres.HOST]
    store, port = CLUSTER["AWS_ENDPOINT_URL"].removeprefix("http://").split(":")
    assert [name for name, service in ALL_SERVICES.items() if service.get("profiles") == [profile]] == [host, store]
    assert ALL_SERVICES[store]["entrypoint"][-1].endswith(f"--address=:{port}")
    bucket = CLUSTER["GENPRM_STORE"].removeprefix("s3://")
    assert f"mkdir -p /data/{bucket} " in ALL_SERVICES[store]["entrypoint"][-1]
    assert {name for name in CLUSTER if f"${{{name}:-" not in COMPOSE} == {"COMPOSE_PROFILES"}
    server = ALL_SERVICES[host]
    for service in SERVICES.values():
        assert not service["environment"][postgres.HOST]
        assert not service["environment"]["GENPRM_STORE"]
    made = server["environment"]["POSTGRES_USER"], server["environment"]["POSTGRES_DB"]
    assert made == tuple(postgres.DEFAULTS[name] for name in (postgres.USER, postgres.DATABASE))
    assert server["user"] == "postgres"


def test_mlflow_has_a_database_of_its_own_there() -> None:
    address = CLUSTER["MLFLOW_BACKEND_STORE_URI"]
    assert address.startswith(f"{postgres.DRIVER}://{postgres.DEFAULTS[postgres.USER]}@{CLUSTER[postgres.HOST]}:")
    mounted = [volume.split(":") for volume in ALL_SERVICES["postgres"]["volumes"] if volume.startswith("./")]
    ((script, place, _),) = mounted
    assert f"CREATE DATABASE {address.rpartition('/')[2]};" in (ROOT / "infra" / script).read_text()
    assert place.startswith("/docker-entrypoint-initdb.d/")


def test_nothing_listens_outside_and_nothing_is_privileged() -> None:
    for name, service in ALL_SERVICES.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not service.get("privileged")


def test_a_service_waits_until_the_port_of_the_one_before_it_answers() -> None:
    for name in ("mlflow", "code", "webserver"):
        assert SERVICES[name]["healthcheck"]["test"][-1] == f"</dev/tcp/127.0.0.1/{option(name, 'port')}"
    before = {name: list(service.get("depends_on", {})) for name, service in SERVICES.items()}
    assert before == {"mlflow": [], "code": ["mlflow"], "webserver": ["code"], "daemon": ["code"]}


@pytest.mark.parametrize("name", ["Dockerfile", "sandbox.Dockerfile"])
def test_a_build_copies_files_that_exist_and_ends_as_a_plain_user(name: str) -> None:
    text = (ROOT / "infra/docker" / name).read_text()
    copied = re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE)
    paths = [path for line in copied for path in line.split()]
    assert paths
    assert all((ROOT / path).exists() for path in paths)
    users = re.findall(r"^USER (\w+)", text, re.MULTILINE)
    assert users
    assert users[-1] not in ("root", "0")


def test_a_build_leaves_out_what_git_leaves_out() -> None:
    """Results, caches and environments of a checkout would be copied, and the layer of the code remade for them."""
    left_out = (ROOT / ".dockerignore").read_text().split()
    for line in (ROOT / ".gitignore").read_text().split():
        name = line.strip("/")
        assert any(fnmatch.fnmatchcase(name, pattern.removeprefix("**/")) for pattern in left_out), name


def test_the_sandbox_image_has_the_libraries_at_the_projects_versions() -> None:
    text = (ROOT / "infra/docker/sandbox.Dockerfile").read_text()
    (installed,) = re.findall(r"install .* --constraint /constraints\.txt (.+) \\$", text, re.MULTILINE)
    pinned = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert set(installed.split()) == {"sympy", "numpy", "scipy"}
    assert set(installed.split()) <= pinned


def test_the_entry_point_is_a_program() -> None:
    (entry,) = re.findall(r"^ENTRYPOINT (.+)$", DOCKERFILE, re.MULTILINE)
    script = ROOT / json.loads(entry)[0].removeprefix(f"{WORKDIR}/")
    assert os.access(script, os.X_OK)


def test_the_entry_point_makes_a_home_and_becomes_the_command(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shown = subprocess.run(
        [ROOT / "infra/docker/entrypoint.sh", "sh", "-c", 'echo "$DAGSTER_HOME" "$1"; exit 7', "sh", "two words"],
        env={"PATH": path, "GENPRM_HOME": str(tmp_path / "new")},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (shown.returncode, shown.stdout) == (7, f"{tmp_path}/new/dagster two words\n")
    written = yaml.safe_load((tmp_path / "new/dagster/dagster.yaml").read_text())
    assert written == yaml.safe_load((ROOT / "infra/dagster/dagster.yaml").read_text())
