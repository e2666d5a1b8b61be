"""What `genprm serve` refuses before it loads a model."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from genprm.cli import app


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (b"\xff\xfe", "is not UTF-8 text"),
        (b" \n", "is empty, allowed: a file with a key"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_key_that_cannot_be_read_is_one_line(tmp_path: Path, key: bytes | None, message: str) -> None:
    file = tmp_path / "key"
    if key is not None:
        file.write_bytes(key)
    told = CliRunner().invoke(app, ["serve", "--api-key-file", str(file), "--model", "none"])
    assert told.exit_code == 2
    assert message in told.stderr
    assert len(told.stderr.splitlines()) == 1
