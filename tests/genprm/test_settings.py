"""Sections and their fingerprints."""

from __future__ import annotations

from genprm.settings import OPERATIONAL, EngineSettings, LabelSettings, section_names


def test_a_fingerprint_changes_with_a_value_and_only_then() -> None:
    assert LabelSettings(epsilon=0.8).fingerprint() == LabelSettings().fingerprint()
    assert LabelSettings(epsilon=0.5).fingerprint() != LabelSettings().fingerprint()
    assert len(EngineSettings().fingerprint()) == 16


def test_operational_sections_are_sections() -> None:
    assert set(section_names()) > OPERATIONAL
