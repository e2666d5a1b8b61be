"""Failures are posted to a webhook: a server on this machine hears what a failed run says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import dagster as dg
import pytest

from genprm.settings import SettingsError
from orchestration.alerts import VARIABLE, failure_sensor, post
from orchestration.dagster_private import artifact_job
from orchestration.tracking import dagster_address


@dg.asset
def number() -> None:
    """An asset that cannot be made."""
    raise dg.Failure("it is\nno number")


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, str]]]:
    """What is posted to a webhook that listens on this machine."""
    found: list[dict[str, str]] = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Webhook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv(VARIABLE, f"http://127.0.0.1:{server.server_port}/hook")
        yield found
        server.shutdown()


def fail(instance: dg.DagsterInstance) -> dg.RunFailureSensorContext:
    """What the sensor is told of a run that failed."""
    job = artifact_job(dg.Definitions(assets=[number]), "number")
    result = job.execute_in_process(instance=instance, asset_selection=[number.key], raise_on_error=False)
    context = dg.build_run_status_sensor_context(
        sensor_name="alerts",
        dagster_event=result.get_run_failure_event(),
        dagster_instance=instance,
        dagster_run=result.dagster_run,
    )
    return context.for_run_failure()


def test_a_failed_run_is_posted_with_what_failed_and_where_to_look(heard: list[dict[str, str]]) -> None:
    sensor = failure_sensor()
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    with dg.DagsterInstance.ephemeral() as instance:
        context = fail(instance)
        sensor(context)
        [said] = heard
        run = f"/runs/{context.dagster_run.run_id}"
        assert said == {"text": f"genprm: number failed: it is no number {dagster_address()}{run}"}


def test_without_an_address_the_sensor_is_off_and_posts_nothing(
    heard: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE)
    sensor = failure_sensor()
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED
    with dg.DagsterInstance.ephemeral() as instance:
        sensor(fail(instance))
    assert heard == []


def test_an_address_of_another_kind_is_refused_without_repeating_it() -> None:
    with pytest.raises(SettingsError, match=f"^{VARIABLE} is no http or https address$"):
        post("file:///etc/secret", "text")
