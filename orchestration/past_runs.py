"""MLflow runs that ended before. Where such a run is lost, logging to it later is a warning and not an error.

MLflow does not know a run when the home was lost and its tables were brought back from elsewhere, or when
`tracking.uri` has changed. The files of a run are out of reach when the home was moved since.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_OUT_OF_REACH = (errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EROFS)
"""Errors that mean that the place of a run's files is gone; a full disk is not among them."""


def known_run(client: MlflowClient, run_id: str) -> Run | None:
    """A run as MLflow has it, deleted or not; None where it does not know it."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


def takes_more(client: MlflowClient, run_id: str) -> bool:
    """Whether something can be logged to a run; a warning says why where it cannot."""
    run = known_run(client, run_id)
    if run is not None and run.info.lifecycle_stage == "active":
        return True
    why = "is not known to MLflow" if run is None else "was deleted in MLflow"
    _warn(run_id, f"{why}: what belongs to it is not logged")
    return False


def keep_text(client: MlflowClient, run_id: str, text: str, name: str) -> None:
    """Save a text among the files of a run; where that is impossible, a warning says why.

    Raises:
        OSError: the place of the files exists but cannot be written.
    """
    if not takes_more(client, run_id):
        return
    try:
        client.log_text(run_id, text, name)
    except OSError as error:
        if error.errno not in _OUT_OF_REACH:
            raise
        _warn(run_id, f"has its files out of reach, {name} is not kept: {error}")


def _warn(run_id: str, what: str) -> None:
    dg.get_dagster_logger().warning(f"MLflow run {run_id} {what}")
