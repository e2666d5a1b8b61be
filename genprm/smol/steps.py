"""Sentences put together into steps, with the opening and closing sentences of people and models.

A sentence of GSM8K's solutions has one calculation. In the steps of language models some have none, and some two or
three (ProcessBench GSM8K: a third none, a third one, a third more).
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace

from genprm.smol.recipe import Recipe
from genprm.smol.worked import WorkedSentence, WorkedSolution

_OPENINGS = (
    "Let's solve this step by step.",
    "First, let's look at what is given.",
    "To solve this, we go through the problem step by step.",
    "We are asked: {question}",
    "To answer the question we need several steps. The question is: {question}",
)
_CLOSINGS = (
    "The answer is {answer}.",
    "So the answer is \\boxed{{{answer}}}.",
    "Therefore, the final answer is \\(\\boxed{{{answer}}}\\).",
    "\\boxed{{{answer}}}",
)
_QUESTION = re.compile(r"[^.?!]+\?\s*\Z")
_FRAMED_SHARE = 0.35
"""Share of the solutions that have an opening sentence, and share of those that have a closing one."""


def framed(rng: random.Random, solution: WorkedSolution) -> WorkedSolution:
    """The solution, perhaps with an opening sentence before it, and one with the answer behind it."""
    question = _QUESTION.search(solution.problem)
    before = rng.choice(_OPENINGS[: len(_OPENINGS) if question else 3])
    behind = rng.choice(_CLOSINGS)
    sentences = list(solution.sentences)
    if rng.random() < _FRAMED_SHARE:
        sentences.insert(0, _said(before.format(question=question[0].strip() if question else "")))
    if rng.random() < _FRAMED_SHARE:
        sentences.append(_said(behind.format(answer=solution.answer)))
    return replace(solution, sentences=tuple(sentences))


def _said(text: str) -> WorkedSentence:
    return WorkedSentence(text, None, "")


def step_sizes(rng: random.Random, solution: WorkedSolution, recipe: Recipe) -> tuple[int, ...]:
    """How many sentences each step takes.

    A sentence joins the step before it with probability `recipe.joined_share`, if that step has fewer sentences
    than `recipe.most_joined`.
    """
    sizes = [1]
    for _ in solution.sentences[1:]:
        if sizes[-1] < recipe.most_joined and rng.random() < recipe.joined_share:
            sizes[-1] += 1
        else:
            sizes.append(1)
    return tuple(sizes)


def cut_off(sizes: Sequence[int], count: int) -> tuple[int, ...]:
    """The sizes of the steps where only the first `count` sentences are kept.

    >>> cut_off((2, 3, 1), 4)
    (2, 2)
    """
    left: list[int] = []
    for size in sizes:
        if sum(left) == count:
            break
        left.append(min(size, count - sum(left)))
    return tuple(left)
