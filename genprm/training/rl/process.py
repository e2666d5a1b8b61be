"""The process of reinforcement learning.

TRL's GRPOTrainer on verifications of our own: it takes the tokens of a whole conversation with a mask of those that
the model wrote, so that prompts, results of code and later steps of the solution carry no loss.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, PrinterCallback
from trl import GRPOConfig, GRPOTrainer

from genprm.engines.embedded.transformers import TransformersEngine
from genprm.engines.encoding import encoder_of
from genprm.engines.loading import load_config, load_network, load_tokenizer
from genprm.event_loops import BackgroundLoop
from genprm.hardware.inference_memory import Serving, inference_memory, number_size
from genprm.hardware.memory import FLOAT, Memory
from genprm.hardware.shapes import shape_of
from genprm.modes import Mode
from genprm.sandbox import open_sandbox
from genprm.settings import ReinforcementSettings, VerifierSettings
from genprm.training.fit import check_training
from genprm.training.job import EXAMPLES_FILE, read_examples, read_job
from genprm.training.resume import ResumeStates
from genprm.training.rl.credit import token_advantages
from genprm.training.rl.episodes import LabelledCase
from genprm.training.rl.job import ReinforcementJob, check_count
from genprm.training.rl.lines import RewardLines
from genprm.training.rl.order import GroupOrder
from genprm.training.rl.points import EpisodePoint, episode_points, measures_of, write_points
from genprm.training.rl.rewards import total_reward
from genprm.training.rl.rollouts import Rollout, RolloutSampler, exploring
from genprm.training.trainer import loading, run_trainer, save_checkpoint, trainer_arguments

Judge = Callable[[Sequence[tuple[LabelledCase, int]], Mapping[str, torch.Tensor]], Sequence[Rollout]]
"""Verifications of cases by the policy with these weights; a number tells those of one case apart."""


class VerifierTrainer(GRPOTrainer):  # type: ignore[misc]
    """TRL's trainer on verifications, with the order of `GroupOrder`."""

    def __init__(self, job: ReinforcementJob, cases: Sequence[LabelledCase], judge: Judge, **options: Any) -> None:
        self._rl = job.rl
        self._cases = cases
        self._judge = judge
        self._advantages: list[list[float]] | None = None
        super().__init__(
            train_dataset=Dataset.from_list([{"prompt": str(index)} for index in range(len(cases))]),
            reward_funcs=known_reward,
            rollout_func=lambda prompts, trainer: self._verify([cases[int(prompt)] for prompt in prompts]),
            **options,
        )

    def _get_train_sampler(self, dataset: Any = None) -> GroupOrder:
        rl = self._rl
        return GroupOrder(len(self._cases), rl.solutions, rl.group, self.args.steps_per_generation, self.args.seed)

    def _verify(self, cases: Sequence[LabelledCase]) -> dict[str, Any]:
        """Verify `cases`, in which those of a group follow each other; return the verifications as TRL takes
        them."""
        rl = self._rl
        first = self.state.global_step * rl.group
        wanted = [(case, first + index % rl.group) for index, case in enumerate(cases)]
        rollouts = self._judge(wanted, self.accelerator.unwrap_model(self.model).state_dict())
        for name, value in measures_of([rollout.episode for rollout in rollouts]).items():
            self._log_metric(name, value)
        self._log_metric("length", statistics.fmean(len(rollout.sequence.ids) for rollout in rollouts))
        self._advantages = completion_advantages(rollouts, rl) if rl.credit == "step" else None
        return as_grpo(rollouts, rl, self._advantages)

    def _generate_and_score_completions(self, inputs: Any) -> dict[str, Any]:
        scored: dict[str, Any] = super()._generate_and_score_completions(inputs)
        if self._advantages is not None:
            scored["advantages"] = padded(self._advantages, scored["completion_ids"])
        return scored

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        rows = rows_with_loss(inputs)
        if rows is None:
            return 0.0 * next(model.parameters()).sum()
        return super()._compute_loss(model, rows)


def rows_with_loss(inputs: Mapping[str, Any]) -> dict[str, Any] | None:
    """A batch of TRL's without the rows that have no token with loss, cut to the columns that the other rows take.

    The loss is a sum over tokens with loss, divided by a number that is fixed beforehand, so it does not change.
    None where no row is left.
    """
    loss = inputs["completion_mask"] * inputs["tool_mask"]
    rows = loss.any(dim=1)
    if not rows.any():
        return None
    first = int(inputs["prompt_mask"][rows].any(dim=0).int().argmax())
    last = int(inputs["completion_mask"][rows].sum(dim=1).max())
    cut = {}
    for name, value in inputs.items():
        if not isinstance(value, torch.Tensor) or value.dim() == 0:
            cut[name] = value
        elif value.dim() == 1:
            cut[name] = value[rows]
        else:
            cut[name] = value[rows, first:] if name.startswith("prompt") else value[rows, :last]
    return cut


def completion_advantages(rollouts: Sequence[Rollout], rl: ReinforcementSettings) -> list[list[float]]:
    """The advantage of each token, from the first token that the model wrote on."""
    advantages = token_advantages(rollouts, rl)
    return [one[rollout.sequence.start :] for rollout, one in zip(rollouts, advantages, strict=True)]


def padded(rows: Sequence[Sequence[float]], like: torch.Tensor) -> torch.Tensor:
    """Rows of numbers in the shape of `like`, padded with zeros on the right."""
    filled = torch.zeros(like.shape, dtype=torch.float32)
    for line, row in zip(filled, rows, strict=True):
        line[: len(row)] = torch.tensor(row)
    return filled.to(like.device)


def as_grpo(
    rollouts: Sequence[Rollout], rl: ReinforcementSettings, advantages: Sequence[Sequence[float]] | None = None
) -> dict[str, Any]:
    """Verifications as TRL takes them, group by group: tokens, the mask of those with loss, and rewards.

    With `rl.drop_equal_groups` a group whose rewards are all the same has no token with loss; where `advantages` of
    tokens (`completion_advantages`) are given, the tokens whose advantage is 0 have none.
    """
    rewards = [total_reward(rollout.episode, rl) for rollout in rollouts]
    masks = []
    for index, rollout in enumerate(rollouts):
        first = index - index % rl.group
        written = rollout.sequence.written[rollout.sequence.start :]
        if not rl.drop_equal_groups:
            kept = written
        elif advantages is not None:
            kept = [one != 0 for one in advantages[index]]
        else:
            kept = written if statistics.pstdev(rewards[first : first + rl.group]) else [False] * len(written)
        masks.append([int(one) for one in kept])
    return {
        "prompt_ids": [rollout.sequence.ids[: rollout.sequence.start] for rollout in rollouts],
        "completion_ids": [rollout.sequence.ids[rollout.sequence.start :] for rollout in rollouts],
        "env_mask": masks,
        "logprobs": None,
        "known_reward": rewards,
    }


def known_reward(known_reward: list[float], **columns: Any) -> list[float]:
    """The rewards that came with the verifications."""
    return known_reward


def grpo_arguments(job: ReinforcementJob, model: Any) -> GRPOConfig:
    """The settings of a job by TRL's names."""
    rl, size = job.rl, job.settings.device_batch_size
    return GRPOConfig(
        **{
            **trainer_arguments(replace(job, settings=job.further), model),
            "max_steps": rl.updates,
            "learning_rate": rl.learning_rate,
            "lr_scheduler_type": "constant_with_warmup",
            "warmup_steps": rl.warmup,
            "weight_decay": rl.weight_decay,
            "gradient_accumulation_steps": job.further.batch_size // size,
        },
        steps_per_generation=rl.solutions * rl.group // size,
        num_generations=rl.group,
        num_iterations=1,
        temperature=rl.temperature,
        beta=rl.kl,
        use_bias_correction_kl=True,
        epsilon=rl.clip_low,
        epsilon_high=rl.clip_high,
        loss_type="dapo",
        scale_rewards=rl.scale,
        max_completion_length=None,
        disable_dropout=True,
        log_completions=False,
    )


def build_trainer(job: ReinforcementJob, cases: Sequence[LabelledCase], judge: Judge) -> VerifierTrainer:
    """Model and trainer, ready to train on what `judge` gives."""
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    torch.manual_seed(job.settings.seed)
    network = load_network(AutoModelForCausalLM, job.base, **loading(job.further, whole=True))
    trainer = VerifierTrainer(
        job,
        cases,
        judge,
        model=network,
        args=grpo_arguments(job, network),
        processing_class=load_tokenizer(job.base),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(RewardLines())
    trainer.add_callback(ResumeStates(every=job.rl.updates_per_batch))
    return trainer


class JudgingMachine:
    """The verifier at work in this process: an engine whose weights follow the trainer's, and a sandbox."""

    def __init__(self, job: ReinforcementJob) -> None:
        verifier = VerifierSettings.model_validate(job.manifest["verifier"])
        mode = Mode(job.manifest["inference_mode"])
        self._engine = TransformersEngine(job.base, job.engine)
        self._sandbox = open_sandbox(job.machine.sandbox) if mode.runs else None
        self._loop = BackgroundLoop("genprm-verifications")
        self._sampler = RolloutSampler(
            self._engine,
            self._sandbox,
            encoder_of(load_tokenizer(job.base)),
            exploring(verifier, job.rl.temperature),
            mode,
            job.engine.live_paths,
        )

    def fitting(self, cases: Sequence[LabelledCase]) -> list[LabelledCase]:
        """The cases whose first step leaves room to judge it (`RolloutSampler.fitting`)."""
        return self._loop.run(self._sampler.fitting(cases, self._engine.context)).result()

    def judge(
        self, wanted: Sequence[tuple[LabelledCase, int]], weights: Mapping[str, torch.Tensor]
    ) -> list[Rollout]:
        """Verifications by the verifier with these weights (`Judge`).

        Raises:
            EngineError, SandboxError: as raised by engine and sandbox.
        """
        self._engine.take_weights(weights)
        return self._loop.run(self._sampler.sample(wanted)).result()

    def close(self) -> None:
        """Free the engine and kill every interpreter."""
        self._loop.run(self._engine.close()).result()
        if self._sandbox is not None:
            self._loop.run(self._sandbox.close()).result()
        self._loop.stop()


def train(job: ReinforcementJob) -> None:
    """Judge, learn, and save."""
    read = list(read_examples(job.work_dir / EXAMPLES_FILE, LabelledCase))
    check_memory(job)
    machine = JudgingMachine(job)
    try:
        cases = machine.fitting(read)
        dropped = len(read) - len(cases)
        batch = f"{job.rl.solutions} x {job.rl.group} verifications a batch"
        print(f"{len(cases)} solutions, {dropped} too long and dropped, {batch}", flush=True)
        check_count(job, len(cases), f" whose first step leaves room in {job.further.max_length} tokens")
        trainer = build_trainer(job, cases, machine.judge)
        run_trainer(job, trainer)
    finally:
        machine.close()
    points = episode_points(trainer.state.log_history)
    seen = {"examples": len(cases), "dropped": dropped, **tokens_in(points, job)}
    save_checkpoint(job, trainer.model, trainer.state, seen, lambda part: write_points(points, part))


def check_memory(job: ReinforcementJob) -> None:
    """Refuse a training that does not fit (`check_training`): all weights are trained, beside the engine that
    judges and, where `rl.kl` holds updates near it, the reference model.

    Raises:
        EngineError: the training needs more memory than is free; the message says what would fit.
    """
    shape = shape_of(load_config(job.base))
    number = number_size(job.engine, is_gpu=torch.cuda.is_available())
    reference = Memory({"reference": FLOAT * shape.parameters if job.rl.kl else 0})
    judging = inference_memory(shape, job.engine, Serving(number=number))
    further = replace(job, settings=job.further)
    check_training(further, further.settings.max_length, beside=judging + reference, adaptable=False)


def tokens_in(points: Sequence[EpisodePoint], job: ReinforcementJob) -> dict[str, int]:
    """What a manifest says of the data: tokens of all verifications, and those of them that the model wrote."""
    verifications = job.rl.solutions * job.rl.group
    return {
        "tokens": round(sum(point.length for point in points) * verifications),
        "loss_tokens": round(sum(point.tokens for point in points) * verifications),
    }


def main(job_file: Path) -> None:
    """Train the job in `job_file`."""
    train(read_job(job_file, ReinforcementJob))
