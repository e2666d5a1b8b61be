"""Solving with the miniature's own policy, and what is refused with one line."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from genprm.cli import app
from genprm.data_sets.rows import InputError
from genprm.prm import GenPRM
from genprm.search.solving import SearchPlan, policy_settings, solve
from genprm.settings import SamplingSettings, SolutionSettings

PROBLEM = "How many keys does Varosa have in the end? (1) Varosa has 28 keys. (2) Varosa finds 43 keys."


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--budget", "0"], "genprm: budget is '0', allowed: a number of tokens from 1, e.g. 20000 or 20k\n"),
        (["--budget", "lots"], "genprm: budget is 'lots', allowed: a number of tokens from 1, e.g. 20000 or 20k\n"),
        (["--search", "maze"], "genprm: search is 'maze', allowed: best-of-n, "),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], line: str) -> None:
    result = CliRunner().invoke(app, ["solve", "-", *arguments], input=json.dumps({"problem": PROBLEM}))
    assert result.exit_code == 2
    assert result.stderr.startswith(line)
    assert result.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_miniature_solves_out_of_the_box_and_alike_each_time(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENPRM_HOME", str(tmp_path_factory.mktemp("home")))
    arguments = ["solve", "-", "--search", "best-of-n", "--budget", "600", "--mode", "direct", "--json"]
    first, again = [CliRunner().invoke(app, arguments, input=json.dumps({"problem": PROBLEM})) for _ in range(2)]
    assert first.exit_code == 0, first.stderr
    row, other = json.loads(first.stdout), json.loads(again.stdout)
    # Rewards are equal but for rounding, as the engine promises; texts are equal.
    assert [one["steps"] for one in row["candidates"]] == [one["steps"] for one in other["candidates"]]
    assert row["chosen"]["name"] == other["chosen"]["name"]
    assert row["chosen"] in row["candidates"]
    assert row["tokens"] == row["policy_tokens"] + row["judge_tokens"] + row["judge_prompt_tokens"]
    assert all(step.startswith(f"Step {n}:") for n, step in enumerate(row["chosen"]["steps"], 1))


@pytest.mark.slow
def test_a_policy_that_never_ends_a_step_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_short(policy: str) -> SolutionSettings:
        settings = policy_settings(policy)
        return settings.model_copy(update={"sampling": SamplingSettings(max_tokens=2)})

    monkeypatch.setattr("genprm.search.solving.policy_settings", cut_short)
    with (
        GenPRM.load("miniature/rationale") as prm,
        pytest.raises(InputError, match=r"'miniature/policy' never ends a step: all [0-9]+ ran out of their 2"),
    ):
        solve([PROBLEM], prm, SearchPlan(method="best-of-n", budget=500))
