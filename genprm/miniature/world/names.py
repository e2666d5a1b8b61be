"""The words of the miniature world and what is held back from training.

A person's name is two syllables. Every syllable occurs in every split, so a held-out name is a combination that
was never seen, made of parts that were. There are so many names that copying them is easier to learn than knowing
them.
"""

from __future__ import annotations

import random
from enum import StrEnum

FIRST_SYLLABLES = [
    *("Ta", "Ri", "Mo", "Ke", "Lu", "Sa", "Ni", "Bo", "Da", "Fe", "Gu", "Ha", "Jo", "Pe", "Vi", "Zo"),
    *("Ba", "Ce", "Di", "El", "Fo", "Ga", "He", "Iv", "Ju", "Ka", "Le", "Ma", "Nu", "Or", "Pa", "Qu"),
    *("Ro", "Su", "Te", "Ul", "Va", "Wi", "Ya", "Ze"),
]
LAST_SYLLABLES = [
    *("milo", "kano", "rin", "lena", "dor", "vas", "tek", "sha", "bert", "nia", "gol", "pim"),
    *("cade", "dric", "fane", "gus", "hild", "jeva", "kris", "lomi", "mund", "nox", "phe", "quel"),
    *("rosa", "stan", "tova", "wyn", "xar", "zim"),
]
THINGS = ["pens", "cards", "coins", "eggs", "books", "cups", "nuts", "keys", "figs", "toys"]
CONTAINERS = ["boxes", "bags", "packs", "crates"]


class Split(StrEnum):
    """Who may see a problem: the small models while they are made, the pipeline, or only the measurement."""

    FOUNDATION = "foundation"
    PIPELINE = "pipeline"
    EVALUATION = "evaluation"


def _scattered(left: int, right: int, salt: int) -> int:
    """A number that depends on all three without any pattern."""
    mixed = (left * 0x9E3779B1 ^ right * 0x85EBCA6B ^ salt * 0x27D4EB2F) & 0xFFFFFFFF
    return ((mixed ^ mixed >> 15) * 0x2C1B3C6D & 0xFFFFFFFF) >> 12


# With this salt, every syllable is in every split.
_NAME_SALT = 306


def _split_of(first: int, last: int) -> Split:
    # Names held back are few and scattered: a model that can learn which syllables never go together does not
    # learn to copy.
    slot = (first * 5 + last) % 6
    if slot > 1 or _scattered(first, last, _NAME_SALT) % 5 > 1:
        return Split.FOUNDATION
    return Split.PIPELINE if slot else Split.EVALUATION


NAMES: dict[Split, list[str]] = {
    split: [
        first + last
        for i, first in enumerate(FIRST_SYLLABLES)
        for j, last in enumerate(LAST_SYLLABLES)
        if _split_of(i, j) is split
    ]
    for split in Split
}


def draw_people(rng: random.Random, split: Split, count: int) -> list[str]:
    """The people of one problem: no two share a syllable, so that each part of a name says who is meant."""
    while True:
        people = rng.sample(NAMES[split], count)
        if len({name[:2] for name in people}) == len({name[2:] for name in people}) == count:
            return people


def is_held_out(left: int, op: str, right: int) -> bool:
    """Whether the calculation belongs to the eighth of all sums and differences that no training text contains.

    Products and quotients are never held back: their small tables can only be known, not derived.
    """
    if op not in "+-":
        return False
    if op == "+" and left > right:
        left, right = right, left
    return _scattered(left, right, op == "-") % 8 == 0
