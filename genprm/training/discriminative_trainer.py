"""The training process of the discriminative model.

Binary cross-entropy of a two-class head at the end of each labelled step (paper eq. 1), through transformers'
trainer.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForTokenClassification, DataCollatorForTokenClassification, TrainingArguments

from genprm.engines.loading import load_config, load_network, load_tokenizer
from genprm.reward_models.layouts import newline_rows
from genprm.training.discriminative_data import LabelledSolution
from genprm.training.fit import check_training, longest_row
from genprm.training.job import EXAMPLES_FILE, TrainingJob, read_examples, read_job
from genprm.training.lora import in_float32
from genprm.training.sharded_trainer import ShardedTraining
from genprm.training.sharding import join, sharded
from genprm.training.tokens import IGNORED, EncodedRow, EncodedSet
from genprm.training.trainer import (
    OrderedTrainer,
    as_dataset,
    finish,
    follow_training,
    loading,
    to_train,
    trainer_arguments,
)

_HEADS = ("score",)
"""Names of the modules that a network gets to classify steps."""
CLASSES = ("wrong", "right")


def encode_solutions(tokenizer: Any, solutions: Iterable[LabelledSolution], max_length: int) -> EncodedSet:
    """Encode solutions as the model is asked about them; those of more than `max_length` tokens are dropped.

    The token after a step has the label of the step (an index of `CLASSES`), any other token has `IGNORED`.

    Raises:
        ValueError: no solution fits.
    """
    kept: list[EncodedRow] = []
    dropped: list[str] = []
    for solution in solutions:
        (row,) = newline_rows(tokenizer, solution.problem, solution.steps)
        if len(row.ids) > max_length:
            dropped.append(solution.id)
            continue
        labels = [IGNORED] * len(row.ids)
        for mark, label in zip(row.marks, solution.labels, strict=True):
            labels[mark] = label
        kept.append(EncodedRow(list(row.ids), labels))
    if not kept:
        raise ValueError(f"none of {len(dropped)} solutions has at most training.max_length = {max_length} tokens")
    return EncodedSet(kept, dropped)


def step_loss(logits: torch.Tensor, labels: torch.Tensor, steps: torch.Tensor | int) -> torch.Tensor:
    """Cross-entropy (nats) of the labelled steps of a batch, divided by `steps`, their number in the whole update.

    `logits` are (solutions, tokens, 2), `labels` (solutions, tokens).
    """
    labelled = labels != IGNORED
    loss = torch.nn.functional.cross_entropy(logits[labelled].float(), labels[labelled], reduction="sum")
    return loss / steps


class StepTrainer(OrderedTrainer):
    """Trains on `step_loss`, and logs the share of steps that are classified correctly."""

    def __init__(self, **options: Any) -> None:
        super().__init__(compute_loss_func=self._step_loss, **options)
        self._right = 0
        self._seen = 0

    def _step_loss(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor) -> torch.Tensor:
        labelled = labels != IGNORED
        self._right += int((outputs.logits.argmax(dim=-1) == labels)[labelled].sum())
        self._seen += int(labelled.sum())
        return step_loss(outputs.logits, labels, num_items_in_batch)

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Log the trainer's values of an update, with the accuracy since the last log."""
        counts = torch.tensor([self._right, self._seen], device=self.args.device)
        right, seen = self.accelerator.reduce(counts).tolist()
        if seen:
            logs["mean_step_accuracy"] = right / seen
        self._right = self._seen = 0
        super().log(logs, *args, **kwargs)


class ShardedStepTrainer(ShardedTraining, StepTrainer):
    """`StepTrainer` on one process of several."""


def new_network(base: str, **options: Any) -> Any:
    """The base model with a head of two classes, read with `options`.

    Raises:
        EngineError: a file of the base model is missing or wrong, or its weights are not those of its architecture.
    """
    config = load_config(base)
    config.id2label = dict(enumerate(CLASSES))
    config.label2id = {name: index for index, name in enumerate(CLASSES)}
    config.classifier_dropout = 0.0
    return load_network(
        AutoModelForTokenClassification,
        base,
        heads=["lm_head."],
        new=["score."],
        config=config,
        **options,
    )


def collator(tokenizer: Any) -> DataCollatorForTokenClassification:
    """Pads rows on the right. Padding is masked, so any token does where the tokenizer has none for it."""
    tokenizer.padding_side = "right"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
    return DataCollatorForTokenClassification(tokenizer, label_pad_token_id=IGNORED)


def build_model(job: TrainingJob, whole: bool = True) -> Any:
    """The model that a job trains, not yet sharded; with `whole`, no weight is in 4 bits.

    Its new head is initialised with the seed of the settings.
    """
    torch.manual_seed(job.settings.seed)
    return to_train(job, new_network(job.base, **loading(job.settings, whole, _HEADS)), heads=_HEADS)


def build_trainer(job: TrainingJob, encoded: EncodedSet, tokenizer: Any) -> StepTrainer:
    """Model with a new head, data and trainer, ready to train."""
    model, processes = build_model(job, whole=False), job.settings.processes
    kind = StepTrainer if processes == 1 else ShardedStepTrainer
    # The fused kernel rounds differently: weights would differ from those of heads trained before.
    arguments = TrainingArguments(**{"optim": "adamw_torch", **trainer_arguments(job, model)})
    trainer = kind(
        model=model if processes == 1 else sharded(model, job.settings),
        args=arguments,
        train_dataset=as_dataset(encoded, processes),
        data_collator=collator(tokenizer),
    )
    in_float32(trainer.model)
    follow_training(trainer, "step")
    return trainer


def train(job: TrainingJob) -> None:
    """Encode, train and save."""
    join(job.settings.processes)
    tokenizer = load_tokenizer(job.base)
    solutions = read_examples(job.work_dir / EXAMPLES_FILE, LabelledSolution)
    encoded = encode_solutions(tokenizer, solutions, job.settings.max_length)
    print(f"{len(encoded.rows)} solutions, {len(encoded.dropped)} too long and dropped", flush=True)
    check_training(job, longest_row(encoded), generative=False)
    finish(job, build_trainer(job, encoded, tokenizer), encoded, lambda: build_model(job))


def main(job_file: Path) -> None:
    """Train the job in `job_file`."""
    train(read_job(job_file, TrainingJob))
