"""What identifies a model."""

from __future__ import annotations

from pathlib import Path

from genprm.engines.versions import directory_version


def test_a_model_directory_is_its_weights_and_not_its_notes(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"one")
    (tmp_path / "genprm.json").write_text("{}")
    before = directory_version(tmp_path)
    (tmp_path / "genprm.json").write_text('{"steps": 3}')
    assert directory_version(tmp_path) == before
    (tmp_path / "model.safetensors").write_bytes(b"two")
    assert directory_version(tmp_path) != before
