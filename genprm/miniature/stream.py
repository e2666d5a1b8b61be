"""From documents to batches: an endless stream of token blocks of a few fixed lengths."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from genprm.miniature.documents import (
    GOOD_JUDGE,
    WEAK_JUDGE,
    Document,
    Judge,
    care_document,
    drill_document,
    plan_document,
    refine_document,
    solve_document,
    verify_document,
)
from genprm.miniature.generation import draw_problem
from genprm.miniature.judge import judge_problem
from genprm.miniature.network import IGNORED
from genprm.miniature.policy_samples import Sample, Samples
from genprm.miniature.problems import MiniatureProblem
from genprm.miniature.recipe import Diet, Recipe
from genprm.miniature.solutions import careless_steps, right_steps
from genprm.miniature.tokenizer import build_tokenizer

# Each length is compiled once, so there are few of them.
LENGTHS = (96, 128, 160, 208, 256, 320, 400, 512)
_POOL = 512

Batch = tuple[Tensor, Tensor, Tensor]


class Kitchen:
    """Makes documents according to a diet."""

    def __init__(self, recipe: Recipe, diet: Diet, samples: Samples, rng: random.Random) -> None:
        self.recipe = recipe
        self.rng = rng
        self.samples = samples
        self.kinds = [f.name for f in fields(Diet)]
        self.shares = [getattr(diet, kind) for kind in self.kinds]
        self.makers: dict[str, Callable[[MiniatureProblem], Document]] = {
            "solve": lambda p: solve_document(p, right_steps(p)),
            "careless": lambda p: solve_document(p, careless_steps(rng, p, recipe.habits)[0]),
            "care": lambda p: care_document(rng, p, recipe.careful_habits, recipe.recovery),
            "refine": self.refine,
            "plan": lambda p: plan_document(rng, p),
            "drill": lambda p: drill_document(rng),
            "weak": lambda p: self.verify(p, WEAK_JUDGE),
            "verify": lambda p: self.verify(p, GOOD_JUDGE),
        }

    def document(self) -> Document:
        """The next document."""
        kind = self.rng.choices(self.kinds, self.shares)[0]
        return self.makers[kind](draw_problem(self.rng))

    def solution(self, problem: MiniatureProblem) -> Sample:
        """A solution to judge: of the policy or made up, right or wrong, as the recipe says."""
        rng, recipe = self.rng, self.recipe
        wrong = rng.random() < recipe.wrong_share
        pool = self.samples.wrong if wrong else self.samples.right
        if pool and rng.random() < recipe.sampled_share:
            return rng.choice(pool)
        return problem, careless_steps(rng, problem, recipe.habits, forced=True)[0] if wrong else right_steps(
            problem
        )

    def verify(self, problem: MiniatureProblem, judge: Judge) -> Document:
        modes, shares = zip(*self.recipe.mode_shares, strict=True)
        subject, steps = self.solution(problem)
        return verify_document(self.rng, subject, steps, self.rng.choices(modes, shares)[0], judge)

    def refine(self, problem: MiniatureProblem) -> Document:
        steps, _ = careless_steps(self.rng, problem, self.recipe.habits, forced=True)
        wrong = judge_problem(problem, steps).first_error
        return refine_document(problem, steps, wrong) if wrong >= 0 else solve_document(problem, steps)


def encode(tokenizer: PreTrainedTokenizerFast, document: Document) -> tuple[list[int], list[float]]:
    """Token ids and the loss weight of each token."""
    ids: list[int] = []
    weights: list[float] = []
    encodings = tokenizer.backend_tokenizer.encode_batch([text for text, _ in document], add_special_tokens=False)
    for (_, weight), encoding in zip(document, encodings, strict=True):
        ids += encoding.ids
        weights += [weight] * len(encoding.ids)
    return ids, weights


def batches(kitchen: Kitchen, batch_tokens: int) -> Iterator[Batch]:
    """Endless batches of about `batch_tokens` tokens, documents of similar length together."""
    tokenizer = build_tokenizer()
    waiting: dict[int, list[tuple[list[int], list[float]]]] = {length: [] for length in LENGTHS}
    ready: list[Batch] = []
    while True:
        while len(ready) < _POOL // 16:
            ids, weights = encode(tokenizer, kitchen.document())
            length = next((size for size in LENGTHS if len(ids) <= size + 1), 0)
            if not length:
                continue
            waiting[length].append((ids, weights))
            if len(waiting[length]) * length >= batch_tokens - length // 2:
                ready.append(collate(waiting[length], length))
                waiting[length] = []
        # Drawn at random, so that lengths do not come in the order in which they fill up.
        yield ready.pop(kitchen.rng.randrange(len(ready)))


def collate(rows: Sequence[tuple[list[int], list[float]]], length: int) -> Batch:
    """Inputs, next tokens and weights as blocks of `length` tokens."""
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    targets = torch.full((len(rows), length), IGNORED)
    weights = torch.zeros(len(rows), length)
    for row, (tokens, values) in enumerate(rows):
        size = len(tokens) - 1
        ids[row, :size] = torch.tensor(tokens[:-1])
        weights[row, :size] = torch.tensor(values[1:])
        targets[row, :size] = torch.where(weights[row, :size] > 0, torch.tensor(tokens[1:]), IGNORED)
    return ids, targets, weights
