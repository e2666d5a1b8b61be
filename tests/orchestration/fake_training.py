"""A pipeline of one training that lasts, for worker processes."""

import os
import time

import dagster as dg
from fake_method import note

from assets.progress import StepProgress
from genprm.settings import Profile


@dg.asset
def checkpoints(context: dg.AssetExecutionContext) -> None:
    """Asked to stop, it ends once its state is saved, which takes `FAKE_SAVING` seconds, and it has said so."""
    progress = StepProgress()
    try:
        progress.of(context, 2)  # who is told of it may interrupt from here on
        time.sleep(600)
    except BaseException:  # KeyboardInterrupt, or what Dagster makes of it
        time.sleep(float(os.environ["FAKE_SAVING"]))
        progress.of(context, 2)(1)
        note("saved")
        raise


def build(profile: Profile) -> dg.Definitions:
    """For a worker."""
    return dg.Definitions([checkpoints])
