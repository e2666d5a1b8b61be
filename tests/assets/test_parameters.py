"""What the profile says, as versions that artifacts depend on."""

from __future__ import annotations

from pathlib import Path

from assets.parameters import parameter_versions
from assets.partitions import Pipeline
from genprm.profiles import load_profile


def versions(tmp_path: Path) -> dict[str, str]:
    rows = f"rows={{data: {tmp_path / 'mine.jsonl'}}}"
    changes = ["problems.source=file", f"problems.{rows}", "evaluation.source=file", f"evaluation.{rows}"]
    found = parameter_versions(Pipeline(load_profile("miniature", changes)))
    return {f"{section} {key}": version.fingerprint for section in found for key, version in found[section].items()}


def test_another_content_of_a_file_is_another_version_of_what_reads_it_and_of_nothing_else(tmp_path: Path) -> None:
    before = versions(tmp_path)
    (tmp_path / "mine.jsonl").write_text('{"problem": "1 + 1?", "answer": 2}\n')
    after = versions(tmp_path)
    assert {name for name in after if after[name] != before[name]} == {"problems all", "evaluation cases"}


def test_training_further_touches_no_other_model() -> None:
    def training(*changes: str) -> dict[str, str]:
        found = parameter_versions(Pipeline(load_profile("miniature", changes)))["training"]
        return {key: version.fingerprint for key, version in found.items()}

    before, after, later = training(), training("training.rl.updates=9"), training("training.rl.updates=10")
    assert set(after) - set(before) == {"miniature.main.full.rl"}
    assert {key: after[key] for key in before} == before
    assert {key for key in later if later[key] != after[key]} == {"miniature.main.full.rl"}
