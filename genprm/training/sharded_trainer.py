"""What changes in transformers' trainer when its model is sharded: who gets which rows, and states on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.tensor import DTensor
from transformers import Trainer

from genprm.training.order import EpochOrder

_SHARDS = "shards"
_SCHEDULER = "scheduler.pt"


class ShardedTraining(Trainer):  # type: ignore[misc]
    """Makes an `OrderedTrainer` one process of several; to be named before it among the bases of a class.

    Its rows end with a blank one, without loss. Micro-batches of the order go to the processes in turn, so that an
    update sees the same ones whatever the number of processes; blank rows fill the last turn of an epoch.
    """

    def _get_train_sampler(self, train_dataset: Any = None) -> EpochOrder:
        rows = self.train_dataset if train_dataset is None else train_dataset
        lengths = [len(ids) for ids in rows["input_ids"][:-1]]
        turn = self.args.train_batch_size * self.args.world_size
        self._order = EpochOrder(lengths, self.args.train_batch_size, self.args.seed, turn)
        return self._order

    def _run_epoch(self, *, epoch: int, **options: Any) -> None:
        # When a resumed run skips batches, the library's own call of set_epoch does not reach the order.
        self._order.set_epoch(epoch)
        super()._run_epoch(epoch=epoch, **options)

    def _clip_grad_norm(self, model: Any) -> torch.Tensor:
        norm = super()._clip_grad_norm(model)
        return norm.full_tensor() if isinstance(norm, DTensor) else norm

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Do nothing: the shards of a state hold the weights, too."""

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        weights, optimizer = get_state_dict(self.model, self.optimizer.optimizer)
        dcp.save({"model": weights, "optimizer": optimizer}, checkpoint_id=Path(output_dir) / _SHARDS)
        if self.args.should_save:
            torch.save(self.lr_scheduler.state_dict(), Path(output_dir) / _SCHEDULER)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        dist.barrier()  # each process writes a part: only then is the state whole

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Do nothing yet: weights are read with the optimizer, once both are sharded."""

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is None:
            return
        weights, optimizer = get_state_dict(self.model, self.optimizer.optimizer)
        state = {"model": weights, "optimizer": optimizer}
        dcp.load(state, checkpoint_id=Path(checkpoint) / _SHARDS)
        set_state_dict(
            self.model,
            self.optimizer.optimizer,
            model_state_dict=state["model"],
            optim_state_dict=state["optimizer"],
        )
        self.lr_scheduler.load_state_dict(torch.load(Path(checkpoint) / _SCHEDULER, weights_only=True))
