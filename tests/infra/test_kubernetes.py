"""The values for Dagster's chart fit the chart and the image, and a run becomes the pod that they say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml

from orchestration import home as house
from orchestration import postgres

ROOT = Path(__file__).parents[2]
VALUES: dict[str, Any] = yaml.safe_load((ROOT / "infra/k8s/values.yaml").read_text())
HOME: list[dict[str, Any]] = list(yaml.safe_load_all((ROOT / "infra/k8s/home.yaml").read_text()))
PAGE = (ROOT / "docs/deployment.md").read_text()
DOCKERFILE = (ROOT / "infra/docker/Dockerfile").read_text()
(CODE,) = VALUES["dagster-user-deployments"]["deployments"]
LAUNCHER = VALUES["runLauncher"]["config"]["k8sRunLauncher"]

ANY = None
IMAGE = {"repository": ANY, "tag": ANY, "pullPolicy": ANY}
FIELDS = ("podSecurityContext", "volumes", "volumeMounts", "env", "startupProbe")
POD: dict[str, Any] = {"image": IMAGE, **dict.fromkeys(FIELDS, ANY)}
CHART: dict[str, Any] = {
    "global": {"postgresqlSecretName": ANY, "dagsterHome": ANY, "serviceAccountName": ANY},
    "generatePostgresqlPasswordSecret": ANY,
    "postgresql": {"existingSecret": ANY, "postgresqlScheme": ANY},
    "dagster-user-deployments": {
        "enabled": ANY,
        "deployments": {
            "name": ANY,
            "codeServerArgs": ANY,
            "includeConfigInLaunchedRuns": {"enabled": ANY},
            "port": ANY,
            **POD,
        },
    },
    "dagsterWebserver": {"service": {"type": ANY, "port": ANY}, "readinessProbe": ANY, **POD},
    "dagsterDaemon": {
        "runCoordinator": {
            "enabled": ANY,
            "type": ANY,
            "config": {"queuedRunCoordinator": {"maxConcurrentRuns": ANY}},
        },
        "runMonitoring": ANY,
        "runRetries": ANY,
        **POD,
    },
    "concurrency": {"enabled": ANY, "pools": {"defaultLimit": ANY, "granularity": ANY}},
    "runLauncher": {
        "type": ANY,
        "config": {
            "k8sRunLauncher": {
                "imagePullPolicy": ANY,
                "runK8sConfig": {"containerConfig": ANY, "podSpecConfig": ANY},
            }
        },
    },
    "computeLogManager": {
        "type": ANY,
        "config": {"customComputeLogManager": {"module": ANY, "class": ANY, "config": ANY}},
    },
    "telemetry": {"enabled": ANY},
}
"""Keys of the chart's schema (values.schema.json of its release 1.13), as far as the values use them."""


def unknown(values: Any, known: Any, path: str = "") -> list[str]:
    """Paths of the keys that are not among the known ones; a chart takes no notice of most of them."""
    if isinstance(values, list):
        return [found for value in values for found in unknown(value, known, path)]
    if known is ANY or not isinstance(values, dict):
        return []
    return [
        found
        for key, value in values.items()
        for found in (unknown(value, known[key], f"{path}.{key}") if key in known else [f"{path}.{key}"])
    ]


def snake(values: dict[str, Any]) -> dict[str, Any]:
    """Keys as the chart writes them into dagster.yaml."""
    return {re.sub(r"([A-Z])", lambda letter: "_" + letter[0].lower(), key): value for key, value in values.items()}


def test_every_value_is_one_that_the_chart_reads() -> None:
    assert unknown(VALUES, CHART) == []
    assert unknown({"dagsterDaemon": {"image": {"name": "genprm"}}}, CHART) == [".dagsterDaemon.image.name"]


def test_the_image_is_the_one_that_is_built_here() -> None:
    compose = yaml.safe_load((ROOT / "infra/compose.yaml").read_text())
    (mlflow,) = HOME[2]["spec"]["template"]["spec"]["containers"]
    assert compose["x-genprm"]["image"] == mlflow["image"] == "genprm:latest"
    for pod in (CODE, VALUES["dagsterWebserver"], VALUES["dagsterDaemon"]):
        assert f"{pod['image']['repository']}:{pod['image']['tag']}" == "genprm:latest"
        assert f"--uid {pod['podSecurityContext']['runAsUser']} " in DOCKERFILE


def test_the_home_of_the_image_is_the_volume_of_every_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    (place,) = re.findall(r"GENPRM_HOME=(\S+)", DOCKERFILE)
    claim = HOME[0]["metadata"]["name"]
    monkeypatch.setenv("GENPRM_HOME", place)
    assert VALUES["global"]["dagsterHome"] == str(house.dagster_home())
    mlflow = HOME[2]["spec"]["template"]["spec"]
    served = {"volumes": mlflow["volumes"], "volumeMounts": mlflow["containers"][0]["volumeMounts"]}
    for pod in (CODE, VALUES["dagsterWebserver"], VALUES["dagsterDaemon"], served):
        assert pod["volumes"][0] == {"name": "home", "persistentVolumeClaim": {"claimName": claim}}
        assert pod["volumeMounts"][0] == {"name": "home", "mountPath": place}
        assert {"name": "dagster-home", "mountPath": VALUES["global"]["dagsterHome"]} in pod["volumeMounts"]
        assert {"name": "dagster-home", "emptyDir": {}} in pod["volumes"]
    logs = VALUES["computeLogManager"]["config"]["customComputeLogManager"]["config"]["base_dir"]
    assert Path(logs).parent == Path(place)
    assert HOME[0]["spec"]["accessModes"] == ["ReadWriteMany"]


def test_runs_are_tracked_where_mlflow_is_served() -> None:
    service, deployment = HOME[1], HOME[2]
    environment = {variable["name"]: variable["value"] for variable in CODE["env"]}
    ((port,),) = (list(one.values()) for one in service["spec"]["ports"])
    address = f"{service['metadata']['name']}:{port}"
    assert environment["GENPRM_SET"] == f"tracking.uri=http://{address}"
    template = deployment["spec"]["template"]
    assert service["spec"]["selector"] == template["metadata"]["labels"]
    arguments = template["spec"]["containers"][0]["args"]
    (hosts,) = (word.split("=", 1)[1] for word in arguments if word.startswith("--allowed-hosts="))
    assert address in hosts.split(",")
    compose = yaml.safe_load((ROOT / "infra/compose.yaml").read_text())["services"]["mlflow"]["command"]
    assert [word.split("=")[0] for word in arguments] == [word.split("=")[0] for word in compose]


def test_what_runs_start_finds_the_records_of_dagster() -> None:
    """The chart calls its dagster.yaml after itself, and names no driver of Postgres."""
    (instance,) = (volume for volume in CODE["volumes"] if "configMap" in volume)
    (release,) = re.findall(r"^helm install (\S+) dagster/dagster ", PAGE, re.MULTILINE)
    assert "dagster" in release, "of another one the chart makes two words"
    assert instance["configMap"]["name"] == f"{release}-instance"
    assert VALUES["postgresql"]["postgresqlScheme"] == postgres.DRIVER


def test_the_server_of_the_records_and_who_asks_it_have_one_password() -> None:
    secret = VALUES["global"]["postgresqlSecretName"]
    assert VALUES["postgresql"]["existingSecret"] == secret
    assert f"kubectl create secret generic {secret} --from-literal=postgresql-password=" in PAGE


def test_limits_are_those_of_the_instance_elsewhere() -> None:
    ours = yaml.safe_load((ROOT / "infra/dagster/dagster.yaml").read_text())
    pools, retries = ours["concurrency"]["pools"], ours["run_retries"]
    assert snake(VALUES["concurrency"]["pools"]) == pools
    assert snake(VALUES["dagsterDaemon"]["runRetries"]) == retries


@pytest.fixture
def pod() -> Any:
    """The template of the pod that a run gets, made by Dagster's launcher from the values as the chart hands them
    over (`dagsterYaml.runLauncher.k8s` and `k8sContainerContext` of its templates)."""
    pytest.importorskip("dagster_k8s", reason="dagster-k8s is not installed (make test-cluster installs it)")
    from dagster import DagsterInstance, job
    from dagster_k8s import K8sRunLauncher
    from dagster_k8s.container_context import K8sContainerContext
    from dagster_k8s.job import construct_dagster_k8s_job

    @job
    def anything() -> None: ...

    config = {
        **snake({key: value for key, value in LAUNCHER.items() if key != "runK8sConfig"}),
        "run_k8s_config": snake(LAUNCHER["runK8sConfig"]),
        "load_incluster_config": True,
        "job_namespace": "default",
        "service_account_name": "genprm-dagster",
        "dagster_home": VALUES["global"]["dagsterHome"],
        "instance_config_map": "dagster-instance",
        "postgres_password_secret": VALUES["global"]["postgresqlSecretName"],
    }
    assert set(config) <= set(K8sRunLauncher.config_type())
    with mock.patch("kubernetes.config.load_incluster_config"):
        launcher = K8sRunLauncher(**config)
    ours = {"image_pull_policy": CODE["image"]["pullPolicy"], **{key: CODE[key] for key in ("volumes", "env")}}
    handed_on = K8sContainerContext.create_from_config({"k8s": {**ours, "volume_mounts": CODE["volumeMounts"]}})
    with DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(anything)
    context = K8sContainerContext.create_for_run(run, launcher, include_run_tags=True).merge(handed_on)
    made = construct_dagster_k8s_job(
        context.get_k8s_job_config("genprm:latest", launcher),
        args=["dagster", "api", "execute_run"],
        job_name="run",
        user_defined_k8s_config=context.run_k8s_config,
    )
    return made.spec.template.spec


def test_a_run_is_a_pod_with_the_gpus_of_a_node_and_the_home(pod: Any) -> None:
    (container,) = pod.containers
    assert container.resources.limits == {"nvidia.com/gpu": "8"}
    assert container.args == ["dagster", "api", "execute_run"]
    mounts = {mount.mount_path: mount.name for mount in container.volume_mounts}
    assert len(mounts) == len(container.volume_mounts)
    assert {mounts["/data"], mounts["/dev/shm"]} == {"home", "shared-memory"}
    assert mounts[f"{VALUES['global']['dagsterHome']}/dagster.yaml"] == "dagster-instance"
    assert set(mounts.values()) == {volume.name for volume in pod.volumes}
    assert pod.security_context.fs_group == CODE["podSecurityContext"]["fsGroup"]
    environment = {variable.name: variable.value for variable in container.env}
    assert {one["name"]: one["value"] for one in CODE["env"]}.items() <= environment.items()


@pytest.mark.parametrize("number", [0, 1, 2], ids=["claim", "service", "deployment"])
def test_kubernetes_knows_every_field_of_what_lies_beside(number: int) -> None:
    pytest.importorskip("dagster_k8s", reason="dagster-k8s is not installed (make test-cluster installs it)")
    import kubernetes
    from dagster_k8s.models import k8s_model_from_dict, k8s_snake_case_dict

    kinds = (
        kubernetes.client.V1PersistentVolumeClaim,
        kubernetes.client.V1Service,
        kubernetes.client.V1Deployment,
    )
    document = json.loads(json.dumps(HOME[number]))
    made = k8s_model_from_dict(kinds[number], k8s_snake_case_dict(kinds[number], document))
    assert made.kind == kinds[number].__name__.removeprefix("V1")
    with pytest.raises(Exception, match="replics"):
        k8s_snake_case_dict(kinds[number], {**document, "replics": 1})
