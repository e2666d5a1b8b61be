"""The words of the miniature world and what is held back from training.

A person's name is two syllables. Every syllable occurs in every split, so a held-out name is a combination that
was never seen, made of parts that were.
"""

from __future__ import annotations

from enum import StrEnum

FIRST_SYLLABLES = ["Ta", "Ri", "Mo", "Ke", "Lu", "Sa", "Ni", "Bo", "Da", "Fe", "Gu", "Ha", "Jo", "Pe", "Vi", "Zo"]
LAST_SYLLABLES = ["milo", "kano", "rin", "lena", "dor", "vas", "tek", "sha", "bert", "nia", "gol", "pim"]
THINGS = ["pens", "cards", "coins", "eggs", "books", "cups", "nuts", "keys", "figs", "toys"]
CONTAINERS = ["boxes", "bags", "packs", "crates"]


class Split(StrEnum):
    """Who may see a problem: the small models while they are made, the pipeline, or only the measurement."""

    FOUNDATION = "foundation"
    PIPELINE = "pipeline"
    EVALUATION = "evaluation"


def _split_of(first: int, last: int) -> Split:
    # A Latin-square pattern: each syllable appears in all three splits.
    slot = (first * 5 + last) % 6
    if slot == 0:
        return Split.EVALUATION
    return Split.PIPELINE if slot == 1 else Split.FOUNDATION


NAMES: dict[Split, list[str]] = {
    split: [
        first + last
        for i, first in enumerate(FIRST_SYLLABLES)
        for j, last in enumerate(LAST_SYLLABLES)
        if _split_of(i, j) is split
    ]
    for split in Split
}


def is_held_out(left: int, op: str, right: int) -> bool:
    """Whether the calculation belongs to the eighth of all sums and differences that no training text contains.

    Products and quotients are never held back: their small tables can only be known, not derived.
    """
    if op not in "+-":
        return False
    if op == "+" and left > right:
        left, right = right, left
    mixed = (left * 0x9E3779B1 ^ right * 0x85EBCA6B ^ (op == "-") * 0x27D4EB2F) & 0xFFFFFFFF
    mixed = (mixed ^ mixed >> 15) * 0x2C1B3C6D & 0xFFFFFFFF
    return (mixed >> 12) % 8 == 0
