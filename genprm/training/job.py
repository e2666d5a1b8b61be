"""The job of a training process as a file, with its examples and the directory it works in."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from genprm.records import TrainingExample
from genprm.settings import TrainingSettings
from genprm.tables import from_dict
from genprm.training.discriminative_data import LabelledSolution
from genprm.training.rl.episodes import LabelledCase

JOB_FILE = "job.json"
EXAMPLES_FILE = "examples.jsonl"
TRAINER_STATE = "trainer"

Example: TypeAlias = TrainingExample | LabelledSolution | LabelledCase
"""What a model learns from: a conversation, or a solution with labels of its steps or of the first wrong one."""


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """One fine-tuning run: what is trained, how, and where the checkpoint appears.

    `manifest` is copied into the checkpoint's `genprm.json`, where `inference_mode` and `verifier` tell
    `GenPRM.load` how to ask the model. `mask_code_output` takes the loss off what the sandbox wrote into turns; a
    classification head sees no turns.
    """

    base: str
    settings: TrainingSettings
    mask_code_output: bool
    out_dir: Path
    manifest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def work_dir(self) -> Path:
        """Where the process works, beside `out_dir`; the finished checkpoint moves to `out_dir` in one step."""
        return self.out_dir.with_name(f".{self.out_dir.name}.work")

    def content(self) -> dict[str, Any]:
        """What decides the weights: everything but the directories."""
        return {
            "base": self.base,
            "settings": self.settings.model_dump(mode="json"),
            "mask_code_output": self.mask_code_output,
            "manifest": dict(self.manifest),
        }

    def described(self) -> dict[str, Any]:
        """The job as `write` writes it."""
        return {**self.content(), "out_dir": str(self.out_dir.resolve())}

    def write(self) -> Path:
        """Write the job to its working directory; return the path of the file."""
        path = self.work_dir / JOB_FILE
        path.write_text(json.dumps(self.described(), indent=1))
        return path

    def publish(self, part: Path) -> None:
        """Put the finished checkpoint `part` (in the working directory) in the place of `out_dir` in one step."""
        replaced = self.work_dir / "replaced"
        shutil.rmtree(replaced, ignore_errors=True)
        if self.out_dir.exists():
            self.out_dir.rename(replaced)
        part.rename(self.out_dir)


Job = TypeVar("Job", bound=TrainingJob)
OfExample = TypeVar("OfExample", TrainingExample, LabelledSolution, LabelledCase)


def read_job(path: Path, kind: type[Job]) -> Job:
    """The job that `write` of this kind of job wrote."""
    return from_dict(kind, json.loads(path.read_text()))


def write_examples(examples: Sequence[Example], path: Path) -> None:
    """One example a line, in the order given."""
    with path.open("w") as file:
        for example in examples:
            file.write(json.dumps(dataclasses.asdict(example)) + "\n")


def read_examples(path: Path, kind: type[OfExample]) -> Iterator[OfExample]:
    """The examples of this kind that `write_examples` wrote."""
    with path.open() as file:
        for line in file:
            yield from_dict(kind, json.loads(line))


def job_fingerprint(job: TrainingJob, examples: Path) -> str:
    """Changes when anything that decides the weights changes: job, examples, or the files of a local base."""
    digest = hashlib.sha256(json.dumps(job.content(), sort_keys=True).encode())
    digest.update(examples.read_bytes())
    base = Path(job.base)
    for file in sorted(base.iterdir()) if base.is_dir() else []:
        stat = file.stat()
        digest.update(f"{file.name} {stat.st_size} {stat.st_mtime_ns}".encode())
    return digest.hexdigest()
