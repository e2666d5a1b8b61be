"""What requests may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request and all of them together may take.

    `concurrent` solutions are judged at a time and the others wait. A request is refused if with it more than
    `waiting` solutions would wait or be judged. A request has at most `request_bytes`, which have to arrive within
    `body_seconds`; its answer takes at most `seconds`. `votes` is the most paths that it may ask for.
    """

    concurrent: int = 256
    waiting: int = 1024
    request_bytes: int = 8 * 1024 * 1024
    body_seconds: float = 60.0
    seconds: float = 600.0
    votes: int = 64
