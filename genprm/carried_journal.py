"""A journal that is carried in segments while it grows, so that another machine can go on if this one is lost."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from genprm.carried import Place
from genprm.files import write_text
from genprm.journal import Journal

CARRY_SECONDS = 30.0
"""Longest time that finished rows are on this machine alone: the most work that its loss costs."""


class Carried(BaseModel):
    """How much of a journal is in the place: its first `end` bytes, and the segments that hold them."""

    end: int = 0
    segments: list[str] = []


class CarriedJournal(Journal):
    """A journal under the same name in a place: a folder of segments, each some whole lines.

    On opening, rows that other machines carried are added. Rows are found by key, so the order of segments does
    not matter, nor does a segment that comes twice. A thread carries new rows even while no others are put.

    Raises:
        CarryError: the place cannot be reached. A failure in the background is raised by the next `put`,
            unless the rows were carried meanwhile.
        JournalError: as `Journal`.
    """

    def __init__(self, path: Path, place: Place, name: str) -> None:
        super().__init__(path)
        self._place, self._name = place, name
        self._note = path.with_name(f"{path.name}.carried")
        self._carried = Carried()
        if self._note.is_file():
            self._carried = Carried.model_validate_json(self._note.read_bytes())
        self._carried.end = min(self._carried.end, self._end)
        self._failure: Exception | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._carry_in_time, name="genprm-journal", daemon=True)
        self._carry()
        self._bring()
        self._thread.start()

    def put(self, key: str, value: Any) -> None:
        """Append a JSON-like value. It survives the end of this process at once, a power cut from the next sync on,
        and the loss of the machine once it is carried."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        super().put(key, value)

    def close(self) -> None:
        """Carry what is left, and let another process open the journal."""
        if self._file.closed:
            return
        self._closing.set()
        try:
            self._thread.join()
            super().sync()
            self._carry()
        finally:
            super().close()

    def _carry_in_time(self) -> None:
        while not self._closing.wait(CARRY_SECONDS):
            try:
                self._carry()
                self._failure = None
            except Exception as error:  # raised by the next `put`, unless a later attempt has succeeded by then
                self._failure = error

    def _carry(self) -> None:
        # Rows may be put meanwhile, so `_end` is read once, and the file is read through a handle of its own.
        end = self._end
        if end == self._carried.end:
            return
        with self._path.open("rb") as file:
            file.seek(self._carried.end)
            rows = file.read(end - self._carried.end)
        segment = f"{self._name}/{uuid.uuid4().hex}"
        self._place.write(segment, rows)
        self._remember(segment, end)

    def _bring(self) -> None:
        for segment in self._place.names(self._name):
            if segment not in self._carried.segments:
                self._file.write(self._place.read(segment) or b"")
                self._file.flush()
                self._load()
                self._remember(segment, self._end)

    def _remember(self, segment: str, end: int) -> None:
        self._carried = Carried(end=end, segments=[*self._carried.segments, segment])
        write_text(self._note, self._carried.model_dump_json())
