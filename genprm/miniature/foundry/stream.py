"""From documents to batches: an endless stream of token blocks of a few fixed lengths."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from genprm.miniature.foundry.documents import (
    GOOD_JUDGE,
    WEAK_JUDGE,
    Document,
    Judge,
    care_document,
    drill_document,
    plan_document,
    recital_document,
    refine_document,
    solve_document,
    verify_document,
)
from genprm.miniature.foundry.network import IGNORED
from genprm.miniature.foundry.policy_samples import Sample, Samples
from genprm.miniature.foundry.recipe import Diet, Recipe
from genprm.miniature.foundry.tokenizer import build_tokenizer
from genprm.miniature.world.generation import draw_problem, with_other_people
from genprm.miniature.world.judge import judge_problem
from genprm.miniature.world.problems import MiniatureProblem
from genprm.miniature.world.solutions import careless_steps, mistaken_step, right_steps

# Each length is compiled once, so there are few of them.
LENGTHS = (128, 192, 256, 320, 400, 512, 640)
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
            "recital": self.recital,
            "drill": lambda p: drill_document(rng),
            "weak": lambda p: self.verify(p, WEAK_JUDGE),
            "verify": lambda p: self.verify(p, GOOD_JUDGE),
        }

    def document(self) -> Document:
        """The next document."""
        kind = self.rng.choices(self.kinds, self.shares)[0]
        return self.makers[kind](draw_problem(self.rng))

    def recital(self, problem: MiniatureProblem) -> Document:
        problems = [problem]
        if self.rng.random() < 0.7:
            problems += [draw_problem(self.rng), draw_problem(self.rng)]
        return recital_document(self.rng, [fact.text for p in problems for fact in p.facts])

    def solution(self, problem: MiniatureProblem) -> Sample:
        """A solution to judge: of the policy or made up, right or wrong, as the recipe says."""
        rng, recipe = self.rng, self.recipe
        wrong = rng.random() < recipe.wrong_share
        pool = self.samples.wrong if wrong else self.samples.right
        if pool and rng.random() < recipe.sampled_share:
            return rng.choice(pool)
        if wrong:
            return problem, careless_steps(rng, problem, recipe.judged_habits, forced=True)[0]
        return problem, right_steps(problem)

    def verify(self, problem: MiniatureProblem, judge: Judge) -> Document:
        rng = self.rng
        modes, shares = zip(*self.recipe.mode_shares, strict=True)
        mode = rng.choices(modes, shares)[0]
        # Only in modes where code decides: in others, the model would learn to expect so many mistakes.
        corrected = mode in ("full", "code") and rng.random() < self.recipe.corrected_share
        subject, steps = self.corrected(problem) if corrected else self.solution(problem)
        return verify_document(rng, with_other_people(rng, subject), steps, mode, judge, corrected=corrected)

    def corrected(self, problem: MiniatureProblem) -> Sample:
        """Steps, each of them right or a mistake in its place; the policy's own mistakes where there are any."""
        rng = self.rng
        known: dict[int, list[str]] = {}
        if self.samples.mistakes and rng.random() < self.recipe.sampled_share:
            problem, known = rng.choice(self.samples.mistakes)
        steps: list[str] = []
        for index, right in enumerate(right_steps(problem)):
            if index in known and rng.random() < 0.8:
                steps.append(rng.choice(known[index]))
            elif rng.random() < (0.2 if known else 0.4):
                steps += mistaken_step(rng, problem, index, self.recipe.judged_habits) or [right]
            else:
                steps.append(right)
        return problem, steps

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
