"""Reports that a run failed: one line, posted to a webhook."""

from __future__ import annotations

import json
import os
import urllib.request

import dagster as dg

from genprm.settings import SettingsError
from orchestration.recovery import PARTITION_TAG, made_by
from orchestration.tracking import dagster_address
from orchestration.worker import one_line

VARIABLE = "GENPRM_ALERT_WEBHOOK"
"""Environment variable with the address that failures are posted to; unset, nothing is posted."""
SECONDS = 10.0
CHARACTERS = 500


def failure_sensor() -> dg.SensorDefinition:
    """A sensor that posts `{"text": ...}` for each failed run of this code location. Slack, Mattermost and Discord
    (with `/slack` behind its address) accept this format."""

    @dg.run_failure_sensor(
        name="alerts",
        default_status=dg.DefaultSensorStatus.RUNNING
        if os.environ.get(VARIABLE)
        else dg.DefaultSensorStatus.STOPPED,
        description=f"Posts one line to the webhook {VARIABLE} for each run that fails. Off where that is not set.",
    )
    def alerts(context: dg.RunFailureSensorContext) -> None:
        address = os.environ.get(VARIABLE)
        if address:
            post(address, _message(context))

    return alerts


def _message(context: dg.RunFailureSensorContext) -> str:
    """What failed, why, and where to look."""
    run = context.dagster_run
    what = f"{made_by(run)} {run.tags.get(PARTITION_TAG, '')}".rstrip()
    steps = [event.step_failure_data for event in context.get_step_failure_events()]
    why = one_line(steps[0]) if steps else context.failure_event.message or "no step says why"
    return f"genprm: {what} failed: {' '.join(why.split())[:CHARACTERS]} {dagster_address()}/runs/{run.run_id}"


def post(address: str, text: str) -> None:
    """Post a line to a webhook.

    Raises:
        SettingsError: the address is neither http nor https.
        URLError: the address does not answer, or answers with an error.
    """
    if not address.startswith(("http://", "https://")):
        raise SettingsError(f"{VARIABLE} is no http or https address")  # it is a secret: not repeated
    body = json.dumps({"text": text}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=SECONDS).close()
