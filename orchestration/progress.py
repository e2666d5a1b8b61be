"""How far a long asset has come: in Dagster's log, or to whoever runs this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import dagster as dg

LOG_STEPS = 10
"""Lines in Dagster's log from start to end."""

Listener = Callable[[str, str | None, int, int], None]
"""Told asset, partition, rows finished and rows in all."""


class StepProgress:
    """Writes a line at every tenth of the way; `listener` of the process, if there is one, hears every row."""

    listener: ClassVar[Listener | None] = None

    def of(self, context: dg.AssetExecutionContext) -> Callable[[int, int], None]:
        """A callback for one step."""
        asset = context.asset_key.to_user_string()
        partition = context.partition_key if context.has_partition_key else None
        last = 0

        def tell(finished: int, total: int) -> None:
            nonlocal last
            if StepProgress.listener is not None:
                StepProgress.listener(asset, partition, finished, total)
            tenth = LOG_STEPS * finished // total if total else LOG_STEPS
            if tenth > last:
                last = tenth
                context.log.info(f"{finished} of {total}")

        return tell
