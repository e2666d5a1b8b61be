"""Finished work on disk, so that nothing finished is done twice.

A journal is a file of JSON lines `{"key", "value"}`. The key is a hash of everything that decides the value
(inputs, parameters, model, sample index), so that a changed parameter finds nothing and an unchanged one finds
everything, in whatever order and however often the work is started. A line counts once it is on disk; a line torn
by a crash is dropped, and its row is made again. Values stay on disk; memory holds only where each row begins.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

SYNC_ROWS = 64
SYNC_SECONDS = 1.0
"""Rows are forced to disk after this many, or this long: the most that a power cut can cost."""

T = TypeVar("T")


class JournalError(RuntimeError):
    """The journal is in use by another process, or a line other than the last is damaged."""


def row_key(*parts: Any) -> str:
    """A key that changes exactly when one of the JSON-like parts changes.

    >>> row_key("a", {"x": 1, "y": 2}) == row_key("a", {"y": 2, "x": 1})
    True
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


class Journal:
    """An open journal: `get` what is there, `put` what was finished. Only one process at a time may open it.

    Raises:
        JournalError: on opening: another process has it open, or a line other than the last is damaged.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("ab+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise JournalError(f"journal {path} is in use by another process") from None
        self._places: dict[str, int] = {}
        self._making: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._end = 0
        self._unsynced = 0
        self._synced_at = time.monotonic()
        self._load()

    def _load(self) -> None:
        """Index the rows after those already known, and cut off a torn last line."""
        self._file.seek(self._end)
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            try:
                key, _ = _parsed(line)
            except (ValueError, KeyError, TypeError):
                if self._file.read(1):
                    self._file.close()
                    number = self._path.read_bytes().count(b"\n", 0, self._end) + 1
                    raise JournalError(f"journal {self._path}, line {number}: not a journal row") from None
                break
            self._places[key] = self._end
            self._end += len(line)
        self._file.truncate(self._end)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def get(self, key: str) -> Any:
        """Return the value put under `key`, as read back from JSON.

        Raises:
            KeyError: there is none.
        """
        self._file.seek(self._places[key])
        return _parsed(self._file.readline())[1]

    def put(self, key: str, value: Any) -> None:
        """Append a JSON-like value. It survives the end of this process at once, a power cut from the next sync."""
        line = json.dumps({"key": key, "value": value}).encode() + b"\n"
        self._file.write(line)
        self._file.flush()
        self._places[key] = self._end
        self._end += len(line)
        self._unsynced += 1
        if self._unsynced >= SYNC_ROWS or time.monotonic() - self._synced_at >= SYNC_SECONDS:
            self.sync()

    def making(self, key: str) -> asyncio.Lock:
        """Return the lock to hold while making the value under `key`."""
        return self._making.setdefault(key, asyncio.Lock())

    def sync(self) -> None:
        """Force every row put so far to disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._unsynced = 0
        self._synced_at = time.monotonic()

    def close(self) -> None:
        """Sync and let another process open the journal."""
        if not self._file.closed:
            self.sync()
            self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()


def _parsed(line: bytes) -> tuple[str, Any]:
    row = json.loads(line)
    return row["key"], row["value"]


async def once(journal: Journal, key: str, work: Callable[[], Awaitable[Any]]) -> Any:
    """Return the JSON-like value under `key`. If the journal lacks it, `work` makes it and the journal keeps it.

    When several callers ask for the same key at the same time, one makes the value and the others wait.
    """
    async with journal.making(key):
        if key not in journal:
            journal.put(key, await work())
    return journal.get(key)


@dataclass(frozen=True, slots=True)
class Codec(Generic[T]):
    """How a result becomes a JSON-like value in a journal, and how it is restored from that."""

    encode: Callable[[T], Any]
    decode: Callable[[Any], T]


async def finish(
    journal: Journal,
    keys: Sequence[str],
    work: Callable[[int], Awaitable[T]],
    codec: Codec[T],
    done: Callable[[int], None] = lambda items: None,
    in_flight: int = 1024,
) -> list[T]:
    """The result of every item, in the order of `keys`: from the journal where it is there, else by `work(index)`.

    Items with the same key are one piece of work. At most `in_flight` are worked on at a time, begun in order.
    Results pass through the `codec` in both cases, so that a resumed run returns exactly what an
    undisturbed one does. `done` is called first with the number of items found in the journal, then with the
    number of items that each piece of work finishes. The first failure ends the rest; what was finished before
    stays in the journal.
    """
    first: dict[str, int] = {}
    for index, key in enumerate(keys):
        if key not in journal:
            first.setdefault(key, index)
    missing, counts = iter(first.values()), Counter(keys)
    done(len(keys) - sum(counts[key] for key in first))

    async def next_ones() -> None:
        for index in missing:
            journal.put(keys[index], codec.encode(await work(index)))
            done(counts[keys[index]])

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(in_flight, len(first))):
                group.create_task(next_ones())
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    finally:
        journal.sync()
    return [codec.decode(journal.get(key)) for key in keys]
