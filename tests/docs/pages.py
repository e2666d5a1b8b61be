"""The pages of the documentation, and what stands in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^(?P<fence>`{3,})(?P<language>\w*)\n(?P<text>.*?)^(?P=fence)$", re.S | re.M)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; `number` counts those of the same language on the page, from 1."""

    page: Path
    language: str
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}-{self.number}"


def blocks(*languages: str) -> Iterator[Block]:
    """All fenced blocks in one of these languages; "" is a fence without one."""
    for page in PAGES:
        for language in languages:
            found = [one["text"] for one in _BLOCK.finditer(page.read_text()) if one["language"] == language]
            yield from (Block(page, language, number, text) for number, text in enumerate(found, start=1))


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _BLOCK.sub("", page.read_text())
