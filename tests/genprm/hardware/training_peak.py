"""The peak of live tensors of a real training, by torch's own count of what is allocated and freed."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from genprm.settings import TrainingSettings
from genprm.training.job import TrainingJob
from genprm.training.tokens import EncodedRow, EncodedSet
from tests.genprm.hardware.live_tensors import held, most_allocated


def training_peak(base: Path, settings: TrainingSettings, work: Path, length: int) -> int:
    """Bytes at the worst moment of two updates on rows of `length` tokens, all of them with loss."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    from genprm.engines.loading import load_config, load_tokenizer
    from genprm.training.sft import build_trainer
    from genprm.training.sharding import join

    job = TrainingJob(str(base), settings, False, work / "checkpoint")
    job.work_dir.mkdir(parents=True, exist_ok=True)
    join(settings.processes)
    chance, vocabulary = random.Random(0), load_config(str(base)).vocab_size
    rows = [[chance.randrange(vocabulary) for _ in range(length)] for _ in range(2 * settings.batch_size)]
    encoded = EncodedSet([EncodedRow(ids, ids) for ids in rows], [])
    trainer = build_trainer(job, encoded, load_tokenizer(str(base)))
    torch.set_num_threads(1)
    gc.collect()  # what an earlier training left must not be freed while this one is watched
    before = sum(held(weight) for weight in trainer.model.parameters())
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled, settled():
        trainer.train()
    return before + most_allocated(profiled)


@contextmanager
def settled() -> Iterator[None]:
    """Collectives after which gloo's thread has let go of their tensors.

    Torch counts what a thread frees only where the thread is watched, and gloo's is not: what it is the last to
    hold would count for ever. So the thread that waits holds each collective a moment longer.
    """
    from torch.distributed import Work

    wait = Work.wait

    def wait_longer(work: Work, *arguments: Any) -> bool:
        done = wait(work, *arguments)
        time.sleep(0.01)
        return bool(done)

    with patch.object(Work, "wait", wait_longer):
        yield
