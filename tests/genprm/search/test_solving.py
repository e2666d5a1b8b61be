"""Solving with the miniature's own policy, and what is refused with one line."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from typer.testing import CliRunner

from genprm.cli import app
from genprm.data_sets.rows import InputError
from genprm.modes import Mode
from genprm.prm import GenPRM
from genprm.registry import SEARCHES
from genprm.search.base import check_budget
from genprm.search.solving import SearchPlan, policy_settings, solve
from genprm.settings import SamplingSettings, SolutionSettings, VerifierSettings
from tests.genprm.scripted_engine import ScriptedEngine
from tests.genprm.scripted_judge import EchoSandbox, judge_engine

PROBLEM = "How many keys does Varosa have in the end? (1) Varosa has 28 keys. (2) Varosa finds 43 keys."


A_BUDGET = "a number of tokens from 1, e.g. 20000 or 20k\n"
A_METHOD = "best-of-n, majority, vote, beam, dvts, lookahead, particles, rebase, puct, reset"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--budget", "0"], f"genprm: budget is '0', allowed: {A_BUDGET}"),
        (["--budget", "lots"], f"genprm: budget is 'lots', allowed: {A_BUDGET}"),
        (["--budget", "-5k"], f"genprm: budget is '-5k', allowed: {A_BUDGET}"),
        (["--budget", "1e400"], f"genprm: budget is '1e400', allowed: {A_BUDGET}"),
        (["--search", "maze"], f"genprm: search is 'maze', allowed: {A_METHOD}"),
        (["--search", ""], f"genprm: search is '', allowed: {A_METHOD}"),
        (["--votes", "0"], "genprm: votes is 0, allowed: a whole number from 1\n"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], line: str) -> None:
    result = CliRunner().invoke(app, ["solve", "-", *arguments], input=json.dumps({"problem": PROBLEM}))
    assert result.exit_code == 2
    assert result.stderr.startswith(line)
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("budget", [0, -1, float("nan"), float("inf"), "20k", None])
def test_a_budget_is_a_number_of_tokens(budget: Any) -> None:
    with pytest.raises(InputError, match=f"^budget is {budget!r}, allowed: a number of tokens from 1"):
        check_budget(budget)


def test_a_policy_that_never_ends_a_step_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the method: one that stops at once, and one that begins again until the budget is spent."""
    monkeypatch.setattr("genprm.search.solving.open_engine", lambda *_: ScriptedEngine(lambda prompt: "la " * 999))
    judge = partial(GenPRM, judge_engine(), EchoSandbox(), VerifierSettings(), Mode.DIRECT)
    monkeypatch.setattr("genprm.commands.solve.load_verifier", lambda *_: judge())
    for method in SEARCHES.names():
        arguments = ["solve", "-", "--search", method, "--budget", "2k"]
        result = CliRunner().invoke(app, arguments, input=json.dumps({"problem": PROBLEM}))
        assert result.exit_code == 2, method
        assert result.stdout == ""
        assert result.stderr.startswith("genprm: policy 'miniature/policy' never ends a step: all "), method
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
