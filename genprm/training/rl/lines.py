"""The progress of a training by reinforcement, in lines."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from transformers import TrainerCallback

_LINE_SECONDS = 3.0


class RewardLines(TrainerCallback):  # type: ignore[misc]
    """Prints a line every few seconds: step, and reward and other measures of the batch of verifications."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._printed = 0.0
        self._batch: Mapping[str, float] = {}

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **kwargs: Any) -> None:
        """A line when the last one is old enough, and one at the end."""
        now = time.monotonic()
        # All updates on one batch of verifications share its measures, which TRL logs with the first update.
        self._batch = dict(logs) if "reward" in logs else self._batch
        if "loss" not in logs or (now - self._printed < _LINE_SECONDS and state.global_step < state.max_steps):
            return
        self._printed = now
        batch = self._batch
        code = f"  code runs {batch['code_runs']:.2f}" if "code_runs" in batch else ""
        kl = f"  kl {logs['kl']:.4f}" if "kl" in logs else ""
        print(
            f"step {state.global_step}/{state.max_steps}  reward {batch['reward']:.3f}  "
            f"signal {1 - batch['frac_reward_zero_std']:.2f}  right {batch['right']:.3f}  "
            f"tokens {batch['tokens']:.0f}{code}{kl}  {now - self._started:.0f} s",
            flush=True,
        )
