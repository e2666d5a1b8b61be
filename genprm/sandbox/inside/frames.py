"""Frames between supervisor and session: four bytes of length, then JSON. Never anything that can carry code.

| frame | fields |
|---|---|
| a request | `nonce`, `code`, and the fields of `genprm.sandbox.child.BlockOptions` |
| its answer | `nonce`, `status`, `error` |
| a session that is locked down | `ready` |
| one that could not be | `failed`: the reason |
| one that ended, from the zygote | `died`: the exit status |
"""

from __future__ import annotations

import builtins
import json
import struct
from collections.abc import Callable
from json.encoder import encode_basestring_ascii as quote
from os import read, write
from typing import Any

HEADER = struct.Struct("!I")

# A session sends and receives only with what a block cannot change: its own names, and no Python code of a library.
globals()["__builtins__"] = dict(vars(builtins))
_scan: Callable[[str, int], tuple[Any, int]] = vars(json.JSONDecoder())["scan_once"]


def pack(message: dict[str, Any]) -> bytes:
    """A message as bytes on the wire."""
    return _framed(json.dumps(message))


def _framed(text: str) -> bytes:
    body = text.encode()
    return HEADER.pack(len(body)) + body


def _exactly(descriptor: int, count: int) -> bytes:
    parts = []
    while count:
        part = read(descriptor, min(count, 2**20))
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
    body = _exactly(descriptor, HEADER.unpack(_exactly(descriptor, HEADER.size))[0])
    return _scan(body.decode(), 0)[0]


def send(descriptor: int, message: dict[str, Any]) -> None:
    """Write a message completely."""
    _write(descriptor, pack(message))


def answer(descriptor: int, **texts: str) -> None:
    """Write a message whose fields are all texts."""
    fields = ", ".join([f"{quote(name)}: {quote(text)}" for name, text in texts.items()])
    _write(descriptor, _framed(f"{{{fields}}}"))


def rehearse() -> None:
    """Do once what receiving and answering take (`repl.rehearse` says why)."""
    _framed(quote("")), _scan('{"code": "", "seconds": 1.0}', 0)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[write(descriptor, data) :]
