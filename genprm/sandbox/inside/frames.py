"""Frames between supervisor and session: four bytes of length, then JSON. Never anything that can carry code."""

from __future__ import annotations

import json
import os
import struct
from typing import Any

HEADER = struct.Struct("!I")
LARGEST = 64 * 2**20


def pack(message: dict[str, Any]) -> bytes:
    """A message as bytes on the wire."""
    body = json.dumps(message).encode()
    return HEADER.pack(len(body)) + body


def _exactly(descriptor: int, count: int) -> bytes:
    parts = []
    while count:
        part = os.read(descriptor, min(count, 2**20))
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def receive(descriptor: int) -> Any:
    """The next message.

    Raises:
        EOFError: the other side is gone.
    """
    return json.loads(_exactly(descriptor, HEADER.unpack(_exactly(descriptor, HEADER.size))[0]))


def send(descriptor: int, message: dict[str, Any]) -> None:
    """Write a message completely."""
    data = pack(message)
    while data:
        data = data[os.write(descriptor, data) :]
