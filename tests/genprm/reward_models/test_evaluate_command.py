"""`genprm evaluate processbench` with models that are not GenPRM."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import genprm.reward_models.machine
from genprm.cli import app
from genprm.evaluation.metrics import f1
from genprm.verification.rewards import first_error
from tests.genprm.scripted_engine import ScriptedEngine

STEPS = ["Sam buys 4 keys.", "3 + 4 = 8 keys.", "The answer is \\boxed{8}."]


def case(number: int, label: int) -> dict[str, Any]:
    problem = f"Sam has {number} keys and buys 4 more. How many?"
    fields = {"generator": "g", "problem": problem, "steps": STEPS, "final_answer_correct": label == -1}
    return {"id": f"case-{number}", "label": label, **fields}


@pytest.fixture
def benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight GSM8K cases of both kinds and two MATH cases."""
    monkeypatch.setenv("GENPRM_HOME", str(tmp_path / "home"))
    folder = tmp_path / "data" / "processbench"
    folder.mkdir(parents=True)
    (folder / "gsm8k.json").write_text(json.dumps([case(n, (-1, 0, 1, 2)[n % 4]) for n in range(8)]))
    (folder / "math.json").write_text(json.dumps([case(11, -1), case(12, 1)]))
    return tmp_path / "data"


def call(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["evaluate", "processbench", *arguments])


def test_a_published_model_is_asked_by_its_own_adapter(qwen_prm: Any, benchmark: Path) -> None:
    result = call("--model", qwen_prm.path, "--data", str(benchmark), "--subset", "math", "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    rows = [json.loads(line) for line in Path(report["predictions"]).read_text().splitlines()]
    assert [len(row["rewards"]) for row in rows] == [3, 3]
    assert [row["prediction"] for row in rows] == [first_error(row["rewards"], 0.5) for row in rows]
    assert all(row["prompt_tokens"] > 0 and row["tokens"] == 0 for row in rows)


def test_a_threshold_that_the_authors_tune_is_tuned_on_gsm8k(skywork: Any, benchmark: Path) -> None:
    result = call("--model", skywork.path, "--data", str(benchmark), "--subset", "math", "--subset", "gsm8k")
    assert result.exit_code == 0, result.stderr
    (said,) = [line for line in result.stdout.splitlines() if line.startswith("threshold: ")]
    assert said.endswith("(tuned on 8 cases of gsm8k)")
    saved = result.stdout.rpartition("predictions: ")[2].strip()
    rows = [json.loads(line) for line in Path(saved).read_text().splitlines() if '"gsm8k"' in line]

    def score(predict: Callable[[dict[str, Any]], int]) -> float:
        right: dict[bool, list[bool]] = {True: [], False: []}
        for row in rows:
            right[row["label"] == -1].append(predict(row) == row["label"])
        return float(f1(*(sum(hits) / len(hits) for hits in right.values())))

    rewards = sorted({reward for row in rows for reward in row["rewards"]})
    best = max(score(lambda row, t=t: first_error(row["rewards"], t)) for t in [*rewards, 1.0])
    assert score(lambda row: row["prediction"]) == pytest.approx(best)


def test_any_model_can_be_the_judge(qwen_prm: Any, benchmark: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(lambda prompt: "Step 2 is wrong: \\boxed{2}")
    monkeypatch.setattr(genprm.reward_models.machine, "open_engine", lambda model, settings: engine)
    options = ("--data", str(benchmark), "--subset", "math", "--mode", "judge", "--votes", "3", "--json")
    result = call("--model", "any/model", *options)
    assert result.exit_code == 0, result.stderr
    subset = json.loads(result.stdout)["subsets"]["math"]
    assert (subset["error_acc"], subset["correct_acc"]) == (100.0, 0.0)
    assert len(engine.requests) == 6
    assert {(asked.temperature, asked.top_p, asked.max_tokens) for _, asked in engine.requests} == {
        (1.0, 0.9, 8192)
    }


def test_a_judge_can_be_told_its_limit_and_its_sampling(benchmark: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(lambda prompt: "So \\boxed{2}" if "11" in prompt else "Let me think " * 40)
    monkeypatch.setattr(genprm.reward_models.machine, "open_engine", lambda model, settings: engine)
    options = ("--model", "any/model", "--data", str(benchmark), "--subset", "math", "--mode", "judge")
    told = call(*options, "--set", "model.max_tokens=99", "--set", "model.temperature=0.6")
    assert told.exit_code == 0, told.stderr
    assert {(asked.temperature, asked.max_tokens) for _, asked in engine.requests} == {(0.6, 99)}
    assert "verdicts: 2, of which forced 0, missing 1; texts: 2, of which cut 1, empty 0" in told.stdout
    assert "1 of 2 verdicts forced or missing" in " ".join(told.stdout.split())
    plain = call(*options)
    saved = [result.stdout.rpartition("predictions: ")[2].strip() for result in (told, plain)]
    assert saved[0] != saved[1], "one way of asking does not overwrite the other"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--mode", "fast"), "mode is 'fast', allowed: full, cot, code, text, direct, code_unrun, adaptive, judge"),
        (("--mode", "cot"), "mode is 'cot', allowed for model"),
        (("--votes", "2"), "votes is 2, allowed for model"),
        (("--preset", "as-card"), "preset is 'as-card', allowed for model"),
        (("--set", "model.max_tokens=1"), "override 'model.max_tokens=1', allowed for model"),
        (
            ("--mode", "judge", "--set", "model.votes=1"),
            "model.votes: unknown key, value 1 (allowed: temperature, ",
        ),
        (("--engine", "http://localhost:1/v1"), "engine is 'openai', allowed for model"),
    ],
)
def test_options_that_a_model_has_no_use_for_are_refused(
    qwen_prm: Any, benchmark: Path, options: tuple[str, ...], message: str
) -> None:
    result = call("--model", qwen_prm.path, "--data", str(benchmark), "--subset", "math", *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_too_few_cases_to_tune_on_are_refused(skywork: Any, benchmark: Path) -> None:
    result = call("--model", skywork.path, "--data", str(benchmark), "--subset", "math", "--limit", "1")
    assert result.exit_code == 2
    assert "is tuned on gsm8k, and its 1 cases are not of both kinds" in result.stderr
