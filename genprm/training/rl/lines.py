"""The progress of a training by reinforcement, in lines."""

from __future__ import annotations

import time
from typing import Any

from transformers import TrainerCallback

_LINE_SECONDS = 3.0


class RewardLines(TrainerCallback):  # type: ignore[misc]
    """Prints a line every few seconds: step, reward and how the verifications went."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._printed = 0.0

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **kwargs: Any) -> None:
        """A line when the last one is old enough, and one at the end."""
        now = time.monotonic()
        if "reward" not in logs or (now - self._printed < _LINE_SECONDS and state.global_step < state.max_steps):
            return
        self._printed = now
        code = f"  code runs {logs['code_runs']:.2f}" if "code_runs" in logs else ""
        kl = f"  kl {logs['kl']:.4f}" if "kl" in logs else ""
        print(
            f"step {state.global_step}/{state.max_steps}  reward {logs['reward']:.3f}  "
            f"signal {1 - logs['frac_reward_zero_std']:.2f}  right {logs['right']:.3f}  "
            f"tokens {logs['tokens']:.0f}{code}{kl}  {now - self._started:.0f} s",
            flush=True,
        )
