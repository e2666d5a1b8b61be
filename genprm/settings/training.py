"""Supervised fine-tuning (paper 5.1)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from genprm.modes import Mode
from genprm.settings.base import Age, Key, Section, Share, TurnMode
from genprm.settings.data import MAIN_VARIANT, ImportedSet
from genprm.settings.reinforcement import ReinforcementSettings


class LoraSettings(Section):
    """Low-rank adaptation (Hu et al. 2021): for each chosen matrix, a product of two thin matrices is trained and
    added; all other weights stay as they are. Gradients and optimizer states take memory only for the adapter."""

    rank: Annotated[int, Field(ge=1)] = 32
    alpha: Annotated[int, Field(ge=1)] = 64
    """The product is scaled by alpha / rank."""
    modules: tuple[str, ...] = ("all-linear",)
    """Names of the matrices, such as q_proj; `all-linear` are all but the head."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    quantized: Annotated[bool, Age.ADDED] = False
    """Hold the matrices of the layers, which are not trained, in 4 bits (QLoRA, Dettmers et al. 2023). The adapter
    is merged into the original weights, not into those in 4 bits. It needs the package bitsandbytes."""


class TrainingSettings(Section):
    """Supervised fine-tuning (paper 5.1: batch 64, learning rate 2e-6, DeepSeek-R1-Distill bases)."""

    base: dict[Key, str] = Field(
        default_factory=lambda: {"r1-distill-7b": "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"}
    )
    modes: tuple[TurnMode, ...] = (Mode.FULL, Mode.COT, Mode.DIRECT)
    variants: tuple[Key, ...] = (MAIN_VARIANT,)
    """Label variants that checkpoints are trained on: the first in every mode, the others in full (table 3)."""
    discriminative: bool = False
    """Train a classification head on the same solutions too (eq. 1)."""
    think: bool = False
    """Train a ThinkPRM on the same solutions too: one verification of the whole solution instead of turns."""
    outcome: Annotated[bool, Age.ADDED] = False
    """Train a generative outcome verifier on the same solutions too: one verdict on the whole solution."""
    shares: tuple[Annotated[float, Field(gt=0.0, lt=1.0)], ...] = ()
    """Smaller shares of the training set that a full model of the first variant is trained on too (table 8)."""
    epochs: Annotated[float, Field(gt=0.0)] = 1.0
    learning_rate: Annotated[float, Field(gt=0.0)] = 2e-6
    batch_size: Annotated[int, Field(ge=1)] = 64
    device_batch_size: Annotated[int, Field(ge=1)] = 1
    padding_free: Annotated[bool, Age.ADDED] = False
    """Put the conversations of a device's batch one after another in one row, without padding; each attends only to
    itself. The result of training does not depend on it. For the supervised training of generative models."""
    max_length: Annotated[int, Field(ge=16)] = 8192
    warmup_ratio: Share = 0.0
    scheduler: Literal["linear", "cosine", "constant"] = "cosine"
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.0
    optimizer: Annotated[Literal["adamw", "adamw-8bit"], Age.ADDED] = "adamw"
    """`adamw-8bit` keeps both moments of AdamW in 8 bits, scaled by blocks of 256 (Dettmers et al. 2022): a quarter
    of their memory. It needs the package torchao."""
    precision: Literal["bf16", "fp32"] = "bf16"
    seed: int = 0
    lora: Annotated[LoraSettings | None, Age.ADDED] = None
    """Train an adapter in place of all weights; the checkpoint holds the adapter and the model it is merged into.
    The learning rate should be about ten times that for all weights."""
    rl: Annotated[ReinforcementSettings | None, Age.ADDED] = None
    """Train the full model of the first variant further on the same solutions, by reinforcement learning with the
    correctness of its judgements as the reward."""
    source: Annotated[ImportedSet | None, Age.ADDED] = None
    """Train on a set that others made, in place of rationales made here: nothing is sampled."""
    processes: Annotated[int, Age.ADDED, Field(ge=1)] = 1
    """Processes that train one model together, a device each; the result of training does not depend on it."""
    nodes: Annotated[int, Age.ADDED, Field(ge=1)] = 1
    """Machines that the processes are spread over evenly; on every machine but the first, `genprm join` runs."""

    @model_validator(mode="after")
    def _imported_once(self) -> TrainingSettings:
        if self.source is not None and self.variants != (MAIN_VARIANT,):
            raise ValueError(
                f"variants is {list(self.variants)}, allowed with a source, which has its labels: {MAIN_VARIANT!r}"
            )
        return self

    @model_validator(mode="after")
    def _whole_updates(self) -> TrainingSettings:
        if self.batch_size % self.device_batch_size:
            raise ValueError(
                f"batch_size {self.batch_size} must be a multiple of device_batch_size {self.device_batch_size}"
            )
        if self.batch_size % (self.device_batch_size * self.processes):
            raise ValueError(
                f"batch_size {self.batch_size} must be a multiple of device_batch_size {self.device_batch_size} x "
                f"processes {self.processes}"
            )
        if self.processes % self.nodes:
            raise ValueError(f"processes is {self.processes}, allowed: a multiple of nodes, {self.nodes}")
        return self

    @model_validator(mode="after")
    def _reinforced_in_one_process(self) -> TrainingSettings:
        if self.rl is not None and self.processes > 1:
            raise ValueError(f"processes is {self.processes}, allowed with rl: 1")
        return self

    @model_validator(mode="after")
    def _quantized_in_one_process(self) -> TrainingSettings:
        if self.in_4_bits and (self.processes > 1 or self.rl is not None):
            raise ValueError("lora.quantized is true, allowed with processes 1 and without rl")
        return self

    @model_validator(mode="after")
    def _whole_batches_of_verifications(self) -> TrainingSettings:
        rl, size = self.rl, self.device_batch_size
        if rl is not None and rl.solutions * rl.group % (rl.updates_per_batch * size):
            raise ValueError(
                f"rl.solutions {rl.solutions} x rl.group {rl.group} = {rl.solutions * rl.group} verifications, "
                f"allowed: a multiple of rl.updates_per_batch {rl.updates_per_batch} x device_batch_size {size} = "
                f"{rl.updates_per_batch * size}"
            )
        return self

    @property
    def in_4_bits(self) -> bool:
        """Whether an adapter is trained on weights in 4 bits."""
        return self.lora is not None and self.lora.quantized

    @property
    def processes_here(self) -> int:
        """Processes on each machine."""
        return self.processes // self.nodes

    @property
    def chained(self) -> list[str]:
        """The names of those settings that are on and whose models learn from analyses of whole solutions."""
        return [name for name in ("think", "outcome") if getattr(self, name)]

    def trained(self) -> list[tuple[str, Mode]]:
        """The label variant and the mode of every generative model that sees the whole training set, per base."""
        return [
            (variant, mode)
            for index, variant in enumerate(self.variants)
            for mode in (self.modes if index == 0 else (Mode.FULL,))
        ]
