"""How the programs of this project start, and end, sooner. Not for a library, whose process belongs to others.

torch, transformers and TRL make some two million objects when they are imported. All of them stay, and Python looks
for garbage among them again and again meanwhile, and once more at the end: a third of the time that a program takes
which only imports them. Garbage without cycles is freed at once in any case.
"""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 50_000
"""So many new objects are made before Python looks for garbage among them; its own default is 700."""


def collect_seldom() -> None:
    """Look for garbage seldom in this process, which imports what it needs when it needs it, and not at its end."""
    gc.set_threshold(NEW_OBJECTS)
    atexit.register(gc.freeze)


@contextmanager
def importing() -> Iterator[None]:
    """Import here what a process needs: nothing of it is looked at, now or later, and nothing at all at the end."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()
    atexit.register(gc.freeze)
