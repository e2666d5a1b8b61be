"""Spoilt input to the commands that read rows: each ends well or with one line, and no reward is out of range.

A few thousand rows here; `GENPRM_FUZZ` says another number.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import genprm.prm
import genprm.sandbox
from genprm.cli import app
from tests.genprm.scripted_judge import EchoSandbox, judge_engine

COUNT = int(os.environ.get("GENPRM_FUZZ", "2000"))
"""Inputs over all commands."""

STEPS = ["1 + 1 = 2", "2 + 2 = 5, wrong"]
ROWS: dict[str, list[dict[str, Any]]] = {
    "score": [{"id": "gsm8k-0", "label": 1, "rewards": [0.9, 0.25]}, {"id": "a", "label": -1, "prediction": -1}],
    "label": [{"id": "a", "pass_at_1": 0.75, "mc": [0.5, 0.25, 0.0]}],
    "judge": [
        {"problem": "Add.", "steps": STEPS},
        {"problem": "Add.", "solution": "Step 1: 1 + 1 = 2.\n\nStep 2: done."},
        {"messages": [{"role": "user", "content": "Add."}, {"role": "assistant", "content": "It is 2."}]},
    ],
    "sandbox exec": [{"conversation": "a", "code": "print(1)"}],
}

LONG = "a number of more digits than Python reads"
"""Stands for such a number until the row is text."""

ODD: list[Callable[[random.Random], Any]] = [
    lambda rng: None,
    lambda rng: rng.choice([True, False]),
    lambda rng: rng.choice([0, -1, 3, LONG, -(10**400), 2**63]),
    lambda rng: rng.choice([float("nan"), float("inf"), -0.0, 1e308, 5e-324, 0.1 + 0.2]),
    lambda rng: rng.choice(
        ["", " ", "\x00", "\ud800", "\ufeff", "²", "१", "<analyze>", "<|im_end|>", "</verify>", "\\boxed{"]
    ),
    lambda rng: "x" * rng.choice([1, 100, 100_000]),
    lambda rng: [],
    lambda rng: {},
    lambda rng: [[], {}, None, "a", 1][: rng.randrange(6)],
    lambda rng: {"a": {"b": [1]}},
]


def odd(rng: random.Random) -> Any:
    """A value that is hardly ever the right one."""
    return rng.choice(ODD)(rng)


def spoil_value(value: Any, rng: random.Random) -> Any:
    """A row with one value somewhere inside exchanged, dropped or added."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        spoilt, name = dict(value), rng.choice(list(value))
        match rng.randrange(4):
            case 0:
                del spoilt[name]
            case 1:
                spoilt[rng.choice(["label", "rewards", "id", "steps", "\n", ""])] = odd(rng)
            case _:
                spoilt[name] = spoil_value(value[name], rng)
        return spoilt
    if isinstance(value, list) and value and rng.random() < 0.8:
        place = rng.randrange(len(value))
        return [*value[:place], spoil_value(value[place], rng), *value[place + 1 :]]
    return odd(rng)


def spoil_bytes(content: bytes, rng: random.Random) -> bytes:
    """A text that was cut, nested, doubled or flipped somewhere."""
    place = rng.randrange(len(content))
    match rng.randrange(6):
        case 0:
            return content[:place]
        case 1:
            return content[:place] + bytes([rng.randrange(256)]) + content[place + 1 :]
        case 2:
            return content[:place] + content[rng.randrange(len(content)) :]
        case 3:
            return b"[" * rng.choice([1, 50, 5000]) + content
        case 4:
            return b'{"a":' * rng.choice([1, 5000]) + content
        case _:
            return (
                content[:place]
                + rng.choice([b"\x00", b"\xff\xfe", b"\r", b"\xe2\x80\xa8", b"\\ud800"])
                + content[place:]
            )


def inputs(command: str, count: int) -> Iterator[bytes]:
    """Spoilt inputs of a command, the same on every machine."""
    rng = random.Random(f"fuzz {command}")
    for _ in range(count):
        rows = [dict(row) for row in rng.choices(ROWS[command], k=rng.choice([1, 1, 2]))]
        if rng.random() < 0.7:
            rows = [spoil_value(row, rng) for row in rows]
        text = "\n".join(json.dumps(row) for row in rows).replace(json.dumps(LONG), "9" * 5000)
        content = text.encode()
        yield spoil_bytes(content, rng) if rng.random() < 0.5 else content


class Input(io.TextIOWrapper):
    """Standard input of given bytes."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="utf-8", errors="surrogateescape")


def call(arguments: list[str], content: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a command; what escapes from it is raised."""
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", Input(content))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = app(arguments, standalone_mode=False)
    out.seek(0)
    err.seek(0)
    return status, out.read(), err.read()


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """A judge and a sandbox that answer at once."""
    monkeypatch.setenv("GENPRM_HOME", str(tmp_path))
    monkeypatch.setattr(genprm.prm, "open_engine", lambda model, settings: judge_engine())
    monkeypatch.setattr(genprm.prm, "open_sandbox", lambda settings: EchoSandbox())
    monkeypatch.setattr(genprm.sandbox, "open_sandbox", lambda settings: EchoSandbox())
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")


def numbers(value: Any) -> Iterator[float]:
    """All numbers under the names `reward` and `rewards`."""
    if isinstance(value, dict):
        for name, inside in value.items():
            if name in ("reward", "rewards"):
                yield from inside if isinstance(inside, list) else [inside]
            else:
                yield from numbers(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from numbers(inside)


@pytest.mark.slow
@pytest.mark.parametrize("command", ROWS)
def test_spoilt_input_is_one_line(command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    model = ["--model", str(tmp_path)] if command == "judge" else []
    ended: dict[int, int] = {}
    for content in inputs(command, COUNT // len(ROWS)):
        status, out, err = call([*command.split(), "-", *model, "--json"], content, monkeypatch)
        ended[status] = ended.get(status, 0) + 1
        if status == 2:
            assert (out, err.count("\n")) == ("", 1), content
            assert err.startswith("genprm: "), content
            assert err.rstrip("\n").isprintable(), (content, err)
        else:
            assert status == 0 or (command, status) == ("judge", 3), content
            rows = [out] if command == "score" else out.splitlines()
            for row in rows:
                assert all(0 <= number <= 1 for number in numbers(json.loads(row, parse_constant=pytest.fail))), (
                    content
                )
    assert ended[0] > 0, "some inputs stay sound"
    assert ended[2] > ended[0] / 10
