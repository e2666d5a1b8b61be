"""States that an interrupted training continues from: few of them, and one at a time on disk."""

from __future__ import annotations

import math
import shutil
import signal
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from transformers import TrainerCallback

_PARTS = 5
_FEWEST_UPDATES = 10
_WHOLE = "whole"
"""Marks a state that was written to its end."""


def state_interval(updates: int) -> int:
    """Updates between two states, in a run of so many updates.

    A state takes 12 bytes a parameter (weights and both moments of AdamW in float32), so a run writes at most four
    on its way, and a short run writes none.

    >>> state_interval(3), state_interval(360)
    (10, 72)
    """
    return max(math.ceil(updates / _PARTS), _FEWEST_UPDATES)


class ResumeStates(TrainerCallback):  # type: ignore[misc]
    """Makes the trainer save a state from time to time, and keeps the last one that is whole. After SIGINT the
    trainer finishes its update, saves a state and stops.

    The arguments of the trainer say `save_strategy="no"`: only this callback decides when a state is saved. It
    saves only after multiples of `every` updates, because a run cannot resume from a state in between.
    """

    def __init__(self, every: int = 1) -> None:
        self._every = every
        self._asked_to_stop = False
        self._handler: Any = signal.SIG_DFL

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Listen for SIGINT."""
        self._handler = signal.signal(signal.SIGINT, self._ask_to_stop)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Restore the earlier handler of SIGINT."""
        signal.signal(signal.SIGINT, self._handler)

    def _ask_to_stop(self, signum: int, frame: object) -> None:
        self._asked_to_stop = True

    def _stops(self, args: Any) -> bool:
        """Whether any of the processes that train together was asked to stop: they save and stop as one."""
        if not dist.is_initialized():
            return self._asked_to_stop
        asked = torch.tensor(int(self._asked_to_stop), device=args.device)
        dist.all_reduce(asked, dist.ReduceOp.MAX)
        return bool(asked)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Ask for a state when one is due, but not after the last update: the checkpoint itself follows."""
        interval = math.ceil(state_interval(state.max_steps) / self._every) * self._every
        stops = self._stops(args) and state.global_step % self._every == 0
        due = stops or state.global_step % interval == 0
        control.should_save = due and state.global_step < state.max_steps
        if stops:
            control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Mark the state as whole, and only then remove the others."""
        if not state.is_world_process_zero:
            return
        saved = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        (saved / _WHOLE).touch()
        for other in saved.parent.glob("checkpoint-*"):
            if other != saved:
                shutil.rmtree(other)
        print(f"step {state.global_step}/{state.max_steps}  state saved", flush=True)


def last_state(state_dir: Path) -> Path | None:
    """The newest state that was written to its end; the process may have been killed while it wrote another."""
    whole = [mark.parent for mark in state_dir.glob(f"checkpoint-*/{_WHOLE}")]
    return max(whole, key=lambda path: int(path.name.removeprefix("checkpoint-")), default=None)
