"""The policy's own solutions of foundation problems, judged by program: the mistakes that judges learn to find.

`python -m genprm.miniature.foundry.policy_samples FOLDER SHARD` writes one part of them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from genprm.miniature.foundry.measure import sample_solutions
from genprm.miniature.foundry.recipe import Recipe
from genprm.miniature.foundry.sampler import Sampler, Sampling
from genprm.miniature.world.generation import generate_problems
from genprm.miniature.world.judge import judge_problem
from genprm.miniature.world.names import Split, is_held_out
from genprm.miniature.world.problems import MiniatureProblem, read_problem

SHARDS = 2
TEMPERATURES = (1.0, 0.7)
_SEED = 77

Sample = tuple[MiniatureProblem, Sequence[str]]


@dataclass(frozen=True)
class Samples:
    """Solutions that the policy wrote for foundation problems, right ones and wrong ones."""

    right: Sequence[Sample] = ()
    wrong: Sequence[Sample] = ()

    @cached_property
    def mistakes(self) -> list[tuple[MiniatureProblem, dict[int, list[str]]]]:
        """For each problem with wrong solutions, the first wrong steps by their index."""
        found: dict[str, tuple[MiniatureProblem, dict[int, list[str]]]] = {}
        for problem, steps in self.wrong:
            first = judge_problem(problem, list(steps)).first_error
            by_index = found.setdefault(problem.text, (problem, {}))[1]
            by_index.setdefault(first, []).append(steps[first])
        return list(found.values())


def samples_path(folder: Path, shard: int) -> Path:
    """The file of one part of the samples."""
    return folder / f"policy_samples.{shard}.jsonl"


def write_samples(folder: Path, recipe: Recipe, shard: int) -> None:
    """Samples the policy in `folder` and writes lines of `{"problem", "steps"}`; a finished part is left alone."""
    path = samples_path(folder, shard)
    if path.exists():
        return
    sampler = Sampler(folder / "policy", rows=128, longest=400)
    count = recipe.policy_samples // (SHARDS * len(TEMPERATURES))
    rows = []
    for index, temperature in enumerate(TEMPERATURES):
        seed = _SEED + shard * len(TEMPERATURES) + index
        problems = generate_problems(Split.FOUNDATION, count, seed=seed)
        for solved in sample_solutions(sampler, problems, Sampling(temperature), seed=seed):
            rows.append(json.dumps({"problem": solved.problem.text, "steps": list(solved.steps)}))
    partial = path.with_suffix(".partial")
    partial.write_text("\n".join(rows) + "\n")
    partial.replace(path)


def load_samples(folder: Path) -> Samples:
    """All samples, judged by program, without those that are unclear or contain a held-out calculation."""
    right: list[Sample] = []
    wrong: list[Sample] = []
    for shard in range(SHARDS):
        for line in samples_path(folder, shard).read_text().splitlines():
            row = json.loads(line)
            problem = read_problem(row["problem"])
            verdict = judge_problem(problem, row["steps"])
            if verdict.kind == "format" or _has_held_out(row["steps"]):
                continue
            (wrong if verdict.kind else right).append((problem, row["steps"]))
    return Samples(right, wrong)


def _has_held_out(steps: Sequence[str]) -> bool:
    for step in steps:
        words = step.split()
        for left, op, right in zip(words, words[1:], words[2:], strict=False):
            if op in ("+", "-") and left.isdigit() and right.isdigit() and is_held_out(int(left), op, int(right)):
                return True
    return False


def main(arguments: list[str]) -> None:
    """Writes one part."""
    torch.set_num_threads(1)
    write_samples(Path(arguments[0]), Recipe(), int(arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
