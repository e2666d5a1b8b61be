"""`genprm join`: take part in trainings of several machines."""

from __future__ import annotations

from typing import Annotated

import typer


def join(
    once: Annotated[bool, typer.Option("--once", help="End after one training, with its exit status.")] = False,
) -> None:
    """Take part in each training that waits for more machines (training.nodes) in the home that they share."""
    from genprm.extras import require
    from genprm.settings import usable_home
    from genprm.training.nodes import answer

    require("trl")
    print(f"waiting for trainings in {usable_home()}", flush=True)
    while True:
        status = answer()
        print(f"the training ended here with status {status}", flush=True)
        if once:
            raise typer.Exit(status)
