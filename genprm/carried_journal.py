"""A journal that is carried in segments while it grows, so that another machine goes on where this one was lost."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

from pydantic import BaseModel

from genprm.carried import Place
from genprm.files import write_text
from genprm.journal import Journal

CARRY_SECONDS = 30.0
"""How long finished rows stay on this machine alone: the most that is made again when it is lost."""


class Carried(BaseModel):
    """What of a journal is in the place: its first bytes, and the segments that hold them."""

    end: int = 0
    segments: list[str] = []


class CarriedJournal(Journal):
    """A journal under the same name in a place: a folder of segments, each some whole lines.

    On opening, what others carried is added. Rows are found by key, so it does not matter in which order segments
    come, nor that one may come twice.

    Raises:
        CarryError: the place cannot be reached.
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
        self._carried_at = time.monotonic()
        self._carry()
        self._bring()

    def sync(self) -> None:
        """Force every row put so far to disk, and carry them if some have waited long."""
        super().sync()
        if time.monotonic() - self._carried_at >= CARRY_SECONDS:
            self._carry()

    def close(self) -> None:
        """Carry what is left, and let another process open the journal."""
        if not self._file.closed:
            super().sync()
            self._carry()
        super().close()

    def _carry(self) -> None:
        self._carried_at = time.monotonic()
        if self._end == self._carried.end:
            return
        self._file.seek(self._carried.end)
        segment = f"{self._name}/{uuid.uuid4().hex}"
        self._place.write(segment, self._file.read(self._end - self._carried.end))
        self._remember(segment)

    def _bring(self) -> None:
        for segment in self._place.names(self._name):
            if segment not in self._carried.segments:
                self._file.write(self._place.read(segment) or b"")
                self._file.flush()
                self._load()
                self._remember(segment)

    def _remember(self, segment: str) -> None:
        self._carried = Carried(end=self._end, segments=[*self._carried.segments, segment])
        write_text(self._note, self._carried.model_dump_json())
