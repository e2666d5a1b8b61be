"""The training process of generative models.

TRL's SFTTrainer on conversations that `genprm.training.tokens` has already turned into ids and labels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoModelForCausalLM
from trl import SFTConfig, SFTTrainer

from genprm.engines.loading import load_network, load_tokenizer
from genprm.records import TrainingExample
from genprm.training.fit import check_training, longest_row
from genprm.training.job import EXAMPLES_FILE, TrainingJob, read_examples, read_job
from genprm.training.lora import in_float32
from genprm.training.sharded_trainer import ShardedTraining
from genprm.training.sharding import join, sharded
from genprm.training.tokens import EncodedSet, encode_conversations
from genprm.training.trainer import (
    OrderedTrainer,
    as_dataset,
    finish,
    follow_training,
    loading,
    to_train,
    trainer_arguments,
)


class ConversationTrainer(OrderedTrainer, SFTTrainer):  # type: ignore[misc]
    """TRL's trainer with the order of `OrderedTrainer`."""


class ShardedConversationTrainer(ShardedTraining, ConversationTrainer):
    """`ConversationTrainer` on one process of several."""


def build_model(job: TrainingJob, whole: bool = True) -> Any:
    """The model that a job trains, not yet sharded; with `whole`, no weight is in 4 bits."""
    network = load_network(AutoModelForCausalLM, job.base, **loading(job.settings, whole))
    return to_train(job, network)


def build_trainer(job: TrainingJob, encoded: EncodedSet, tokenizer: Any) -> ConversationTrainer:
    """Model, data and trainer, ready to train. The data is prepared: nothing is tokenised, cut or packed again."""
    model, processes = build_model(job, whole=False), job.settings.processes
    arguments = SFTConfig(
        **trainer_arguments(job, model),
        max_length=None,
        packing=False,
        padding_free=job.settings.padding_free,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    kind = ConversationTrainer if processes == 1 else ShardedConversationTrainer
    trainer = kind(
        model=model if processes == 1 else sharded(model, job.settings),
        args=arguments,
        train_dataset=as_dataset(encoded, processes),
        processing_class=tokenizer,
    )
    in_float32(trainer.model)
    follow_training(trainer, "token")
    return trainer


def train(job: TrainingJob) -> None:
    """Encode, train and save."""
    join(job.settings.processes)
    tokenizer = load_tokenizer(job.base)
    examples = read_examples(job.work_dir / EXAMPLES_FILE, TrainingExample)
    encoded = encode_conversations(tokenizer, examples, job.settings.max_length, job.mask_code_output)
    print(f"{len(encoded.rows)} conversations, {len(encoded.dropped)} too long and dropped", flush=True)
    check_training(job, longest_row(encoded))
    finish(job, build_trainer(job, encoded, tokenizer), encoded, lambda: build_model(job))


def main(job_file: Path) -> None:
    """Train the job in `job_file`."""
    train(read_job(job_file, TrainingJob))
