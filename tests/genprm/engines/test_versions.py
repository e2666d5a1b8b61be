"""What identifies a model."""

from __future__ import annotations

import json
from pathlib import Path

from genprm.engines.versions import directory_version, weights_version


def test_a_model_directory_is_its_weights_and_not_its_notes(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"one")
    (tmp_path / "genprm.json").write_text("{}")
    before = directory_version(tmp_path)
    (tmp_path / "genprm.json").write_text('{"steps": 3}')
    assert directory_version(tmp_path) == before
    (tmp_path / "model.safetensors").write_bytes(b"two")
    assert directory_version(tmp_path) != before


def test_a_file_of_weights_is_known_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"one")
    before = weights_version(str(file))
    file.write_bytes(b"two")
    assert weights_version(str(file)) not in (before, str(file))
    assert weights_version("on-the-hub/model.gguf") == "on-the-hub/model.gguf"


def test_an_adapter_is_another_model_on_another_base(tmp_path: Path) -> None:
    adapter, base = tmp_path / "adapter", tmp_path / "base"
    adapter.mkdir()
    base.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}))
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (base / name).write_bytes(b"one")
    before = weights_version(str(adapter))
    (base / "model.safetensors").write_bytes(b"two")
    assert weights_version(str(adapter)) != before


def test_an_adapter_on_a_base_of_the_hub_is_its_own_files(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "Qwen/Qwen2.5-7B"}))
    assert weights_version(str(tmp_path)) == directory_version(tmp_path)
