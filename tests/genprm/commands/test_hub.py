"""`genprm export hub`, and what it uploads. No hub is reached: its client is replaced."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub.errors import HFValidationError
from typer.testing import CliRunner

from genprm.cli import app


def call(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["export", *arguments])


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    file = tmp_path / "labels.jsonl"
    file.write_text(json.dumps({"problem": "1 + 1?", "steps": ["a"], "labels": [1]}) + "\n")
    return file


class Hub:
    """Keeps what it is told, and knows one name that it refuses."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, list[str]]] = []

    def create_repo(self, repo_id: str, **options: Any) -> None:
        if repo_id == "no/such/name":
            raise HFValidationError("Repo id must be in the form 'repo_name' or 'namespace/repo_name'")

    def upload_folder(self, repo_id: str, repo_type: str, folder_path: str) -> Any:
        files = sorted(path.relative_to(folder_path).as_posix() for path in Path(folder_path).rglob("*.*"))
        self.told.append((repo_id, repo_type, files))
        return SimpleNamespace(commit_url=f"https://hub.example/{repo_id}")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    made = Hub()
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: made)
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: "a token")
    return made


def test_a_file_becomes_a_data_set_and_nothing_is_uploaded_unasked(labels: Path, tmp_path: Path, hub: Hub) -> None:
    result = call("hub", str(labels), str(tmp_path / "out"))
    assert result.stdout == f"data set: {tmp_path / 'out'}\n"
    assert hub.told == []


def test_a_push_uploads_the_directory(labels: Path, tmp_path: Path, hub: Hub) -> None:
    result = call("hub", str(labels), str(tmp_path / "out"), "--push", "someone/labels")
    assert result.stdout.splitlines()[-1] == "https://hub.example/someone/labels"
    assert hub.told == [("someone/labels", "dataset", ["README.md", "data/train.jsonl"])]


def test_what_the_hub_refuses_is_one_line(labels: Path, tmp_path: Path, hub: Hub) -> None:
    result = call("hub", str(labels), str(tmp_path / "out"), "--push", "no/such/name")
    assert result.exit_code == 2
    assert result.stderr.startswith("genprm: repository 'no/such/name' cannot be written: Repo id must be")


def test_without_a_token_nothing_is_made(labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    result = call("hub", str(labels), str(tmp_path / "out"), "--push", "someone/labels")
    assert result.exit_code == 2
    assert result.stderr.startswith("genprm: option --push needs a token of the hub, allowed: ")
    assert not (tmp_path / "out").exists()


def test_options_of_the_hub_go_with_no_format(labels: Path, tmp_path: Path) -> None:
    result = call("verl", str(labels), str(tmp_path / "out.jsonl"), "--license", "mit")
    assert result.stderr == "genprm: option --license goes with hub, and the format is 'verl'\n"
