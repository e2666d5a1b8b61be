"""One training run: `python -m genprm.miniature.foundry.stages STAGE FOLDER MINUTES`.

FOLDER holds the models by name; the run starts from the model that the stage names and writes its own there.
"""

from __future__ import annotations

import json
import math
import random
import sys
import time
from pathlib import Path

import torch
from torch import nn

from genprm.miniature.foundry.network import Network, load_model, save_model
from genprm.miniature.foundry.policy_samples import Samples, load_samples
from genprm.miniature.foundry.recipe import Recipe, Stage
from genprm.miniature.foundry.stream import LENGTHS, Kitchen, batches

_SAVE_SECONDS = 120.0
_LOG_STEPS = 100


def optimizers(network: nn.Module, recipe: Recipe, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices, AdamW for embeddings, norms and biases."""
    matrices = [p for name, p in network.named_parameters() if p.ndim == 2 and "embed" not in name]
    chosen = {id(p) for p in matrices}
    others = [p for p in network.parameters() if id(p) not in chosen]
    muon = torch.optim.Muon(matrices, lr=recipe.matrix_rate * rate, weight_decay=recipe.weight_decay)
    adam = torch.optim.AdamW(others, lr=recipe.other_rate * rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    return [muon, adam]


def learning_factor(progress: float, step: int, stage: Stage, recipe: Recipe) -> float:
    """Warm-up, then flat, then a straight line towards zero at `progress` 1, but not below 0.01."""
    warm = min(1.0, (step + 1) / recipe.warm_up_steps)
    return warm * (1.0 if progress < stage.flat else max(0.01, (1 - progress) / (1 - stage.flat)))


class Run:
    """A training run of one stage in this process."""

    def __init__(self, recipe: Recipe, stage: Stage, folder: Path, minutes: float) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.stage, self.folder, self.minutes = recipe, stage, folder, minutes
        self.network = self.beginning()
        samples = load_samples(folder) if stage.samples else Samples()
        rng = random.Random(f"{recipe.seed}-{stage.name}")
        self.batches = batches(Kitchen(recipe, stage.diet, samples, rng), recipe.batch_tokens)
        self.optimizers = optimizers(self.network, recipe, stage.rate)
        self.rates = [group["lr"] for o in self.optimizers for group in o.param_groups]
        self.started = time.monotonic()
        self.saved = self.started
        self.tokens = 0
        self.loss = math.nan

    def beginning(self) -> Network:
        """An interrupted run of this stage, else the model that the stage starts from, else a fresh one."""
        for name in (self.stage.name, self.stage.start):
            if name and (self.folder / name / "model.safetensors").exists():
                return load_model(self.folder / name)
        return Network()

    def train(self) -> None:
        """Trains until the time is up and writes the model."""
        torch._dynamo.config.recompile_limit = 4 * len(LENGTHS)
        loss_of = torch.compile(self.network, dynamic=False)
        step = 0
        progress = 0.0
        while progress < 1:
            factor = learning_factor(progress, step, self.stage, self.recipe)
            for group, rate in zip((g for o in self.optimizers for g in o.param_groups), self.rates, strict=True):
                group["lr"] = rate * factor
            ids, targets, weights = next(self.batches)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = loss_of(ids, targets, weights)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            for optimizer in self.optimizers:
                optimizer.step()
                optimizer.zero_grad()
            step += 1
            progress = (time.monotonic() - self.started) / 60 / self.minutes
            self.tokens += ids.numel()
            self.loss = loss.item() if math.isnan(self.loss) else 0.98 * self.loss + 0.02 * loss.item()
            self.report(step)
        self.save()

    def report(self, step: int) -> None:
        now = time.monotonic()
        if step % _LOG_STEPS == 0:
            speed = self.tokens / (now - self.started)
            seconds = now - self.started
            print(
                f"{self.stage.name} step {step} loss {self.loss:.4f} {speed:.0f} tokens/s {seconds:.0f} s",
                flush=True,
            )
        if now - self.saved > _SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        self.saved = time.monotonic()
        save_model(self.network, self.folder / self.stage.name)
        cost = {"tokens": self.tokens, "minutes": (self.saved - self.started) / 60}
        (self.folder / self.stage.name / "training.json").write_text(json.dumps(cost) + "\n")


def main(arguments: list[str]) -> None:
    """Runs one stage."""
    name, folder, minutes = arguments[0], Path(arguments[1]), float(arguments[2])
    recipe = Recipe()
    stage: Stage = getattr(recipe, name)
    torch.set_num_threads(1)
    Run(recipe, stage, folder, minutes).train()


if __name__ == "__main__":
    main(sys.argv[1:])
