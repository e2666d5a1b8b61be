"""A journal that is carried in segments while it grows, so that another machine goes on where this one was lost."""

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
"""How long finished rows stay on this machine alone: the most that is made again when it is lost."""


class Carried(BaseModel):
    """What of a journal is in the place: its first bytes, and the segments that hold them."""

    end: int = 0
    segments: list[str] = []


class CarriedJournal(Journal):
    """A journal under the same name in a place: a folder of segments, each some whole lines.

    On opening, what others carried is added. Rows are found by key, so it does not matter in which order segments
    come, nor that one may come twice. A thread carries what was put, also while nothing more is finished.

    Raises:
        CarryError: the place cannot be reached; while rows are carried in the background, the next `put` says so,
            or `close`.
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
        """Append a JSON-like value: at once it survives this process, from the next sync on a power cut, and once
        it is carried the loss of the machine."""
        self._require_carried()
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
            self._require_carried()
        finally:
            super().close()

    def _carry_in_time(self) -> None:
        while not self._closing.wait(CARRY_SECONDS):
            try:
                self._carry()
            except Exception as error:  # raised where somebody waits for it
                self._failure = error

    def _require_carried(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _carry(self) -> None:
        # What `put` moves is read once, and the file through a handle of its own: rows may come meanwhile.
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
