"""Which extra brings a module, by the metadata of the installed package."""

from __future__ import annotations

import pytest

from genprm.extras import extra_with, require

REQUIREMENTS = [
    "torch==2.13.0",
    "peft<0.22,>=0.21; extra == 'pipeline'",
    'dagster-webserver==1.13.27; extra == "pipeline"',
    "peft<0.22,>=0.21; python_version < '3.15' and extra == 'train'",
]


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("peft", "train"),
        ("peft.tuners", "train"),
        ("dagster_webserver", "pipeline"),
        ("torch", None),
        ("json", None),
    ],
)
def test_the_extra_of_a_module(monkeypatch: pytest.MonkeyPatch, module: str, extra: str | None) -> None:
    monkeypatch.setattr("genprm.extras.requires", lambda name: REQUIREMENTS)
    assert extra_with(module) == extra


def test_code_that_was_not_installed_has_no_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genprm.extras.DISTRIBUTION", "no-such-distribution")
    assert extra_with("dagster") is None


def test_a_module_that_another_process_needs() -> None:
    require("json")
    with pytest.raises(ModuleNotFoundError, match="'no_such_module'"):
        require("no_such_module")
