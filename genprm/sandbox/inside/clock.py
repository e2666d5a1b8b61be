"""The time that a block may use: CPU time, so that no other work on the machine decides how it ends.

| limit | counts | when exceeded |
|---|---|---|
| `seconds` | CPU time, but for imports of installed modules | `TimeLimit` is raised in the block |
| `import_seconds` | CPU time of these imports | the same |
| `wall_seconds` | the time that passes, waiting included | the same |

A block that cannot be interrupted, or goes on all the same, is ended by the kernel once it is `GRACE_SECONDS` of
CPU time past its limit, or up to a second later, because the kernel counts whole seconds.
"""

from __future__ import annotations

import builtins
import importlib.machinery
import sys
from _signal import signal  # type: ignore[import-not-found]  # below `signal`, which is Python code
from collections.abc import Callable
from math import ceil
from resource import RLIM_INFINITY, RLIMIT_CPU, getrlimit, setrlimit
from signal import ITIMER_PROF, ITIMER_REAL, ITIMER_VIRTUAL, SIGALRM, SIGPROF, setitimer
from time import process_time
from types import FrameType
from typing import Any

GRACE_SECONDS = 0.5

# What a block does to the built-in names must not change what is done here.
globals()["__builtins__"] = dict(vars(builtins))

_find_spec = importlib.machinery.PathFinder.find_spec


class TimeLimit(BaseException):
    """A limit was reached: not an Exception, so that `except Exception` in a script lets it pass."""


class Clock:
    """The limits of one block after another.

    `reached` is the limit that the present block has reached, in words; empty while it has reached none.
    """

    def __init__(self) -> None:
        self.reached = ""
        self._seconds = self._import_seconds = self._wall_seconds = 0.0
        self._import_left = 0.0
        self._importing = False
        self._until = 0.0
        self._installed = list(sys.path)
        bootstrap: Any = sys.modules["_frozen_importlib"]
        self._find_and_load: Callable[..., Any] = bootstrap._find_and_load
        # Every import of a module that is not loaded yet goes through this function, however the import is written.
        bootstrap._find_and_load = self._load

    def start(self, seconds: float, import_seconds: float, wall_seconds: float) -> None:
        """Begin a block."""
        self.reached = ""
        self._seconds, self._import_seconds, self._wall_seconds = seconds, import_seconds, wall_seconds
        self._import_left = import_seconds
        self._importing = False
        signal(SIGPROF, self._ring)
        signal(SIGALRM, self._ring)
        setitimer(ITIMER_REAL, wall_seconds)
        self._allow(seconds)

    def stop(self) -> None:
        """End a block, and stop any timers that it set itself."""
        setitimer(ITIMER_PROF, 0)
        setitimer(ITIMER_REAL, 0)
        setitimer(ITIMER_VIRTUAL, 0)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        left = self._until - process_time()
        if number == SIGPROF and left > 0:  # the timer counts ticks, and was early
            setitimer(ITIMER_PROF, left)
            return
        if number == SIGALRM:
            self.reached = f"{self._wall_seconds:g} seconds by the clock"
        elif self._importing:
            self.reached = f"{self._import_seconds:g} seconds of imports"
        else:
            self.reached = f"{self._seconds:g} seconds"
        raise TimeLimit

    def _load(self, name: str, import_: object) -> Any:
        """Import a module; the import of an installed one uses the time for imports."""
        charged = self._importing or bool(self.reached) or self._import_left <= 0
        if charged or _find_spec(name.partition(".")[0], self._installed) is None:
            return self._find_and_load(name, import_)
        left = self._until - process_time()
        self._importing = True
        self._allow(self._import_left)
        try:
            return self._find_and_load(name, import_)
        finally:
            self._import_left = self._until - process_time()
            self._importing = False
            if not self.reached:
                self._allow(left)

    def _allow(self, seconds: float) -> None:
        """Let the process use so much CPU time from now on; the kernel ends it once it has used the grace too."""
        self._until = process_time() + seconds
        setitimer(ITIMER_PROF, max(seconds, 1e-6))
        hard = getrlimit(RLIMIT_CPU)[1]
        wanted = ceil(process_time() + seconds + GRACE_SECONDS)
        setrlimit(RLIMIT_CPU, (wanted if hard == RLIM_INFINITY else min(wanted, hard), hard))


# Tracebacks of failed imports leave out the frames of the import system; with this file name, also that of `_load`.
Clock._load.__code__ = Clock._load.__code__.replace(co_filename="<frozen importlib._bootstrap>")
