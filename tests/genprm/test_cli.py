"""The command line: what it prints, and how it refuses."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import genprm.cli
import genprm.prm
import genprm.reward_models.machine
from genprm.cli import app
from genprm.commands.models import warn_of_other_worlds
from genprm.commands.smol import next_command
from genprm.engines.base import Engine, EngineError
from genprm.miniature.world.generation import draw_problem
from genprm.records import Prediction
from genprm.settings import EngineSettings, SandboxSettings
from genprm.store import profile_store
from genprm.tables import read_rows
from tests.genprm import scripted_judge
from tests.genprm.scripted_engine import ScriptedEngine
from tests.genprm.scripted_judge import EchoSandbox, judge_engine, last_step, reply

SOLUTION = {"problem": "Add.", "steps": ["1 + 1 = 2", "2 + 2 = 5, wrong"]}
CASE = {"id": "math-1", "generator": "g", "final_answer_correct": False, "label": 1, **SOLUTION}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENPRM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GENPRM_DATA_DIR", raising=False)
    return tmp_path / "home"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a model whose place is taken by the scripted judge."""
    directory = tmp_path / "model"
    directory.mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (directory / name).write_text("{}")
    for opener in (genprm.prm, genprm.reward_models.machine):
        monkeypatch.setattr(opener, "open_engine", lambda model, settings: judge_engine())
        monkeypatch.setattr(opener, "open_sandbox", lambda settings: EchoSandbox())
    return str(directory)


def call(*arguments: str, stdin: str = "") -> str:
    """Standard output of a call that must succeed."""
    result = CliRunner().invoke(app, arguments, input=stdin)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def refusal(*arguments: str, stdin: str = "") -> str:
    """The one line with which a call is refused."""
    result = CliRunner().invoke(app, arguments, input=stdin)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("genprm: ")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("genprm: ").rstrip("\n")


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_help_imports_nothing_heavy() -> None:
    heavy = ["torch", "transformers", "dagster", "mlflow", "pandas", "pyarrow", "numpy", "orchestration"]
    program = (
        "import sys; from genprm.cli import app\n"
        "try: app(['--help'])\n"
        f"except SystemExit: print([name for name in {heavy} if name in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "judge" in output
    assert output.splitlines()[-1] == "[]"


def test_the_package_is_imported_without_its_libraries() -> None:
    program = (
        "import sys; known = set(sys.modules); import genprm\n"
        "print({name.partition('.')[0] for name in set(sys.modules) - known} - sys.stdlib_module_names)"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output == "{'genprm'}\n"


@pytest.mark.parametrize("arguments", [[], ["evaluate"], ["sandbox"], ["miniature"]])
def test_without_a_command_the_help_is_shown(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert "Usage: " in result.stdout
    assert (result.exit_code, result.stderr) == (2, "")


# judge


def test_what_json_has_no_word_for_is_not_passed_on(model: str) -> None:
    row = '{"problem": "Add.", "steps": ["1 + 1 = 2"], "id": NaN, "label": -1}'
    (judged,) = call("judge", "--model", model, "--json", stdin=row).splitlines()
    assert "NaN" not in judged
    assert (json.loads(judged).get("id"), json.loads(judged)["label"]) == (None, -1)


def test_a_refusal_shows_no_character_that_cannot_be_seen(model: str) -> None:
    turns = [{"role": "\ufeff", "content": "Add."}, {"role": "assistant", "content": "2"}]
    assert refusal("judge", "--model", model, stdin=lines({"messages": turns})).isprintable()


def test_judge_writes_a_page_and_what_it_prints_makes_the_same_cases(model: str, tmp_path: Path) -> None:
    page, again = tmp_path / "page.html", tmp_path / "again.html"
    rows = lines({"id": 7, **SOLUTION})
    printed = call("judge", "-", "--model", model, "--json", "--html", str(page), stdin=rows)
    assert call("view", "-", "--out", str(again), stdin=printed) == f"1 cases: {again}\n"
    assert "Verifications" in page.read_text()
    assert "Verifications" in again.read_text()


def test_labels_are_imported_and_exported(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.jsonl", tmp_path / "theirs.jsonl"
    row = {"prompt": "Why?", "completions": ["a", "b"], "labels": [True, False]}
    assert call("import", "trl-stepwise", "-", str(ours), stdin=lines(row)) == f"1 rows: {ours}\n"
    assert call("export", "trl-stepwise", str(ours), str(theirs)) == f"1 rows: {theirs}\n"
    assert json.loads(theirs.read_text()) == row
    packed, again = tmp_path / "for_verl.parquet", tmp_path / "again.jsonl"
    assert call("export", "verl", str(ours), str(packed)) == f"1 rows: {packed}\n"
    call("import", "verl", str(packed), str(again))
    assert json.loads(again.read_text())["labels"] == [1, 0]
    assert refusal("import", "x", str(ours), str(theirs)).startswith("format is 'x', allowed: ")


def test_a_run_without_predictions_cannot_be_viewed() -> None:
    assert refusal("view", "no-such-run").startswith("run 'no-such-run' has no predictions")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["r", "--model", "x"], "model is 'x', allowed: a.full, b"),
        (["r", "--subset", "x"], "subset is 'x', allowed: gsm8k"),
        (["r", "--rationales"], "run 'r' has no rationales"),
        (["r", "--rationales", "--model", "b"], "option --rationales goes without --model"),
        (["-", "--model", "b"], "option --model chooses from a run, and '-' is a file"),
    ],
)
def test_what_a_run_does_not_have_cannot_be_viewed(arguments: list[str], message: str, home: Path) -> None:
    for partition in ("a.full|gsm8k", "b|gsm8k"):
        row = Prediction("1", "gsm8k", "", "2 + 2?", ["4"], True, -1, -1, [0.9], [[0.9]], 1, 1)
        profile_store("r").write(Prediction, "processbench", [row], partition)
    assert refusal("view", *arguments).startswith(message)
    page = home / "r" / "report" / "transcripts.html"
    assert call("view", "r", "--model", "a.full", "--subset", "gsm8k") == f"1 cases: {page}\n"


def test_judge_as_json(model: str) -> None:
    rows = lines({"id": 7, **SOLUTION}, {"problem": "Add.", "steps": ["1 + 1 = 2"]})
    first, second = map(json.loads, call("judge", "-", "--model", model, "--json", stdin=rows).splitlines())

    assert first["id"] == 7
    assert first["rewards"] == [pytest.approx(8 / 9), pytest.approx(1 / 9)]
    assert first["first_error"] == 1
    assert [step["verdict"] for step in first["rationale"]] == ["Yes", "No"]
    assert first["rationale"][0]["code"] == "print(1)"
    assert first["tokens"] == sum(step["tokens"] for step in first["rationale"])
    assert "id" not in second
    assert second["first_error"] == -1


def test_judge_with_votes_shows_every_path(model: str) -> None:
    (row,) = call("judge", "--model", model, "--votes", "3", "--json", stdin=lines(SOLUTION)).splitlines()
    assert len(json.loads(row)["paths"]) == json.loads(row)["votes"] == 3
    assert "paths            0.89 0.89 0.89; the reasons are those of path 1" in call(
        "judge", "--model", model, "--votes", "3", stdin=lines(SOLUTION)
    )


def test_judge_says_what_the_rewards_were_read_from(model: str) -> None:
    (row,) = call("judge", "--model", model, "--json", stdin=lines(SOLUTION)).splitlines()
    reading = json.loads(row)["reading"]
    assert (reading["provenance"]["engine"], reading["provenance"]["logprobs"]) == ("scripted", "raw")
    assert reading["spellings"] == {"Yes": ["Yes"], "No": ["No"]}


def test_judge_reads_one_solution_written_over_several_lines(model: str) -> None:
    (row,) = call("judge", "--model", model, "--json", stdin=json.dumps(SOLUTION, indent=2)).splitlines()
    assert json.loads(row)["first_error"] == 1


def test_judge_for_people(model: str) -> None:
    output = call("judge", "--model", model, stdin=lines(SOLUTION))

    assert "step 2 is the first wrong one" in output
    assert "Yes 0.889  1. 1 + 1 = 2" in output
    assert "No  0.111  2. 2 + 2 = 5, wrong" in output
    assert "Looks so." in output
    assert "print(1)" in output


@pytest.mark.parametrize(
    "text", ["ratio a:b:c", r"\\[2pt] of [a,b]", "[red]5[/red]", r"a set \[x]", "ends in a \\", "[/]"]
)
def test_what_is_judged_is_shown_as_it_is(model: str, text: str) -> None:
    row = {"id": text, "problem": text, "steps": [text, text]}
    shown = call("judge", "--model", model, stdin=lines(row)).splitlines()
    assert shown[0] == f"{text}: {text}"
    steps = [line for line in shown if line.startswith("  Yes 0.889")]
    assert steps == [f"  Yes 0.889  {number}. {text}" for number in (1, 2)]


@pytest.mark.parametrize("subset", ["ratio a:b:c", "[red]5[/red]", r"a \[x]"])
def test_the_name_of_a_subset_is_shown_as_it_is(subset: str) -> None:
    rows = lines({"id": "1", "subset": subset, "label": -1, "prediction": -1})
    assert f"│ {subset}" in call("score", "-", stdin=rows)


@pytest.fixture
def mute(model: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model that calls a wrong step wrong, and says neither Yes nor No of a step that is "odd"."""

    def verdict(prompt: str) -> dict[str, float]:
        return {"Perhaps": -0.1} if "odd" in last_step(prompt) else scripted_judge.verdict(prompt)

    for opener in (genprm.prm, genprm.reward_models.machine):
        monkeypatch.setattr(opener, "open_engine", lambda model, settings: ScriptedEngine(reply, verdict))
    return model


@pytest.mark.parametrize(
    ("steps", "headline", "first_error", "unjudged"),
    [
        (["fine", "odd"], "step 2 was not judged", None, [1]),
        (["odd", "fine", "odd"], "steps 1, 3 were not judged", None, [0, 2]),
        (["odd", "wrong"], "step 2 is the first wrong one, step 1 was not judged", 1, [0]),
    ],
)
def test_a_step_that_was_not_judged_is_never_right(
    mute: str, steps: list[str], headline: str, first_error: int | None, unjudged: list[int]
) -> None:
    rows = lines({"problem": "Add.", "steps": steps})
    shown = CliRunner().invoke(app, ["judge", "--model", mute], input=rows)
    assert shown.exit_code == 3
    assert headline in shown.stdout
    assert "no step is wrong" not in shown.stdout
    assert shown.stdout.count("Yes") == steps.count("fine")
    assert shown.stdout.count("not judged: no verdict could be read") == steps.count("odd")

    told = CliRunner().invoke(app, ["judge", "--model", mute, "--json"], input=rows)
    assert told.exit_code == 3
    row = json.loads(told.stdout)
    assert (row["first_error"], row["unjudged"]) == (first_error, unjudged)


def test_a_step_that_the_context_has_no_room_for_was_not_judged(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = lambda model, settings: ScriptedEngine(reply, scripted_judge.verdict, max_context=600)  # noqa: E731
    monkeypatch.setattr(genprm.prm, "open_engine", full)
    rows = lines({"problem": "Add.", "steps": ["fine"] * 20})
    shown = CliRunner().invoke(app, ["judge", "--model", model], input=rows)
    assert " to 20 were not judged" in shown.stdout
    assert "not judged: the context has no room for it" in shown.stdout
    told = CliRunner().invoke(app, ["judge", "--model", model, "--json"], input=rows)
    row = json.loads(told.stdout)
    assert (told.exit_code, row["first_error"]) == (3, None)
    assert row["unjudged"] == list(range(row["unjudged"][0], 20))
    assert 0 < row["unjudged"][0] < 20


def test_judge_can_be_told_tokens_rounds_temperature_and_wording(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = judge_engine()
    monkeypatch.setattr(genprm.prm, "open_engine", lambda model, settings: engine)
    said = ("sampling.max_tokens=77", "sampling.temperature=0", "format.system=Judge.", "rounds=1")
    changes = [part for change in said for part in ("--set", f"model.{change}")]
    call("judge", "--model", model, *changes, stdin=lines(SOLUTION))
    prompt, sampling = engine.requests[0]
    assert prompt.startswith("<|system|>\nJudge.<|end|>")
    assert (sampling.max_tokens, sampling.temperature) == (77, 0.0)


def test_judge_asks_as_a_preset_says(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = judge_engine()
    monkeypatch.setattr(genprm.prm, "open_engine", lambda model, settings: engine)
    file = tmp_path / "system.txt"
    file.write_text("Check it.")
    options = ("--preset", "as-evaluated", "--system-file", str(file))
    call("judge", "--model", model, *options, stdin=lines(SOLUTION))
    first = "<|system|>\nCheck it.<|end|>\n<|user|>\nAdd.\n1 + 1 = 2<|end|>\n<analyze>\n"
    assert engine.requests[0][0].startswith(first)


@pytest.mark.parametrize(
    ("row", "arguments", "how"),
    [
        ({"problem": "Add.", "solution": "1 + 1 = 2\n\n2 + 2 = 5, wrong"}, [], "paragraphs"),
        ({"question": "Add.", "solution": "1 + 1 = 2 | 2 + 2 = 5, wrong"}, ["--split", r" \| "], r" \| "),
        (
            {
                "messages": [
                    {"role": "user", "content": "Add."},
                    {"role": "assistant", "content": "<think>2?</think>1 + 1 = 2\n2 + 2 = 5, wrong"},
                ]
            },
            ["--split", "paragraphs"],
            "paragraphs",
        ),
    ],
)
def test_judge_takes_text_and_chats(model: str, row: dict[str, Any], arguments: list[str], how: str) -> None:
    common = ("judge", "--model", model, *arguments)
    judged = json.loads(call(*common, "--json", stdin=lines(row)))
    assert judged["steps"] == SOLUTION["steps"]
    assert (judged["split"], judged["first_error"]) == (how, 1)
    assert f"split into 2 steps by {how}\n" in call(*common, stdin=lines(row))


def test_what_judge_says_can_be_scored(model: str) -> None:
    rows = lines({"id": "a", "subset": "mine", "label": 1, **SOLUTION}, {"id": "b", "label": -1, **SOLUTION})
    report = json.loads(call("score", "-", "--json", stdin=call("judge", "--model", model, "--json", stdin=rows)))
    assert {name: subset["error_acc"] for name, subset in report["subsets"].items()} == {"mine": 100.0, "all": None}
    assert report["subsets"]["all"]["correct_acc"] == 0.0


def test_a_model_of_the_miniature_is_not_trusted_with_another_world(capsys: pytest.CaptureFixture[str]) -> None:
    warn_of_other_worlds("miniature/rationale", [draw_problem(random.Random(0)).text])
    warn_of_other_worlds("org/some-model", ["Add."])
    assert capsys.readouterr().err == ""
    warn_of_other_worlds("miniature/rationale", ["Add.", draw_problem(random.Random(1)).text])
    assert capsys.readouterr().err.startswith("genprm: warning: 1 of 2 problems are not of the miniature's world")


def test_judge_reads_a_json_array(model: str, tmp_path: Path) -> None:
    file = tmp_path / "solutions.json"
    file.write_text(json.dumps([SOLUTION, SOLUTION], indent=2))
    assert len(call("judge", str(file), "--model", model, "--json").splitlines()) == 2


@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        ("", "standard input: nothing in it"),
        (lines(SOLUTION) + "{oops\n", "standard input line 2: not JSON"),
        ("[1, 2]", "standard input item 0: 1 is not a JSON object"),
        ('[{"a": 1},\n', "standard input line 2: not JSON"),
        (lines({"problem": "Add."}), "standard input line 1: field 'steps' is missing"),
        (lines({"problem": "Add.", "steps": []}), "field 'steps' is [], allowed: a non-empty list"),
        (lines({"problem": "Add.", "steps": ["a", ""]}), "field 'steps[1]' is '', allowed: a non-empty string"),
        (lines({"problem": " ", "steps": ["a"]}), "field 'problem' is ' ', allowed: a non-empty string"),
    ],
)
def test_judge_refuses_wrong_rows(model: str, stdin: str, message: str) -> None:
    assert message in refusal("judge", "-", "--model", model, stdin=stdin)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--votes", "0"], "votes is 0, allowed: a whole number from 1"),
        (["--votes", "many"], "Invalid value for '--votes'"),
        (["--mode", "psychic"], "mode is 'psychic', allowed: full, cot, code, text, direct, code_unrun, adaptive"),
        (["--engine", "tpu"], "engine is 'tpu', allowed: transformers, vllm, or the URL of a server"),
        (["--model", "/nothing/here"], "model '/nothing/here': no such directory"),
        (["--model", "miniature/giant"], "model 'miniature/giant' is not shipped"),
        (["--set", "engine.replicas=0"], "engine.replicas: Input should be greater than or equal to 1, got 0"),
        (["--set", "engine.copies=2"], "engine.copies: unknown key, value 2 (allowed: backend, max_in_flight"),
        (["--set", "model.rounds=0"], "model.rounds: Input should be greater than or equal to 1, got 0"),
        (["--set", "model.turns=2"], "model.turns: unknown key, value 2 (allowed: sampling, rounds"),
        (["--preset", "as-tuned"], "preset is 'as-tuned', allowed: as-card, as-evaluated"),
        (["--set", "labels.epsilon=1"], "allowed here are engine.key=value, sandbox.key=value and model.key"),
        (["--colour"], "No such option: --colour"),
        (["/nothing/here.jsonl"], "file '/nothing/here.jsonl' cannot be read: No such file or directory"),
        (["/"], "file '/' cannot be read: Is a directory"),
    ],
)
def test_judge_refuses_wrong_options(arguments: list[str], message: str) -> None:
    assert message in refusal("judge", *arguments, stdin=lines(SOLUTION))


def test_judge_takes_single_settings_of_engine_and_sandbox(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def engine_with(model: str, settings: EngineSettings) -> Engine:
        seen["engine"] = settings
        return judge_engine()

    def sandbox_with(settings: SandboxSettings) -> EchoSandbox:
        seen["sandbox"] = settings
        return EchoSandbox()

    monkeypatch.setattr(genprm.prm, "open_engine", engine_with)
    monkeypatch.setattr(genprm.prm, "open_sandbox", sandbox_with)
    changes = ["--set", "engine.replicas=2", "--set", "engine.dtype=bfloat16", "--set", "sandbox.seconds=9"]
    call("judge", "-", "--model", model, *changes, stdin=lines(SOLUTION))
    engine = seen["engine"]
    assert (engine.backend, engine.replicas, engine.dtype) == ("transformers", 2, "bfloat16")
    assert seen["sandbox"].seconds == 9.0
    call("judge", "-", "--model", model, "--set", "engine.backend=vllm", stdin=lines(SOLUTION))
    assert seen["engine"].backend == "vllm"


def test_help_says_what_happens_without_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert "[default: (as the model was trained)]" in call("judge", "--help")


def test_bytes_that_are_not_text_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "latin.jsonl"
    file.write_bytes(b'{"problem": "\xe9t\xe9"}')
    assert "is not UTF-8 text" in refusal("judge", str(file))


def test_the_newest_full_checkpoint_of_the_miniature_is_asked_when_none_is_named(home: Path) -> None:
    import os

    from genprm.commands.models import default_model

    assert default_model() == "miniature/rationale"
    made = [("full-old", "full", 1), ("full-new", "full", 2), ("direct", "direct", 3), ("other", "full", 4)]
    for name, mode, age in made:
        profile = "paper-7b" if name == "other" else "miniature"
        folder = home / profile / "checkpoints" / name / "0f3a"
        folder.mkdir(parents=True)
        (folder / "genprm.json").write_text(json.dumps({"inference_mode": mode}))
        os.utime(folder / "genprm.json", (age, age))
    assert default_model() == str(home / "miniature" / "checkpoints" / "full-new" / "0f3a")


# evaluate


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "processbench"
    folder.mkdir(parents=True)
    right = {**CASE, "id": "math-2", "steps": ["1 + 1 = 2"], "final_answer_correct": True, "label": -1}
    (folder / "math.json").write_text(json.dumps([CASE, right, {**CASE, "id": "math-3", "label": 0}]))
    return tmp_path / "data"


def test_evaluate_counts_and_keeps_the_predictions(model: str, benchmark: Path, home: Path) -> None:
    common = ("evaluate", "processbench", "--model", model, "--subset", "math", "--data", str(benchmark))
    report = json.loads(call(*common, "--json"))

    math = report["subsets"]["math"]
    assert (math["n_error"], math["n_correct"]) == (2, 1)
    assert (math["error_acc"], math["correct_acc"]) == (50.0, 100.0)
    assert math["f1"] == pytest.approx(2 * 50 * 100 / 150)
    saved = Path(report["predictions"])
    assert saved.is_relative_to(home / "evaluations")
    assert [row.prediction for row in read_rows(Prediction, saved.with_suffix(".parquet"))] == [1, -1, 1]
    again = json.loads(call("score", str(saved), "--json"))
    assert again["subsets"] == report["subsets"]


def test_evaluate_for_people(model: str, benchmark: Path) -> None:
    common = ("evaluate", "processbench", "--model", model, "--subset", "math", "--data", str(benchmark))
    output = call(*common, "--votes", "2", "--limit", "2")

    assert "Pass@1" in output
    assert "Maj@2" in output
    assert "100.0" in output
    assert "predictions:" in output


def test_an_evaluation_that_broke_off_goes_on_with_its_journal(
    model: str, benchmark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine dies at the last of many steps of case math-2; the other two cases are not judged again."""
    asked: list[str] = []

    def scripted(breaks: bool) -> Callable[[str, EngineSettings], Engine]:
        def answer(prompt: str) -> str:
            asked.append(prompt)
            if breaks and "at last" in prompt:
                raise EngineError("the engine died")
            return reply(prompt)

        return lambda model, settings: ScriptedEngine(answer, scripted_judge.verdict)

    cases = json.loads((benchmark / "processbench" / "math.json").read_text())
    cases[1].update(problem="Once.", steps=["1 + 1 = 2", "2 + 2 = 4", "4 + 4 = 8", "8 + 8 = 16 at last"])
    (benchmark / "processbench" / "math.json").write_text(json.dumps(cases))
    common = ("evaluate", "processbench", "--model", model, "--subset", "math", "--data", str(benchmark), "--json")
    quiet = json.loads(call(*common))

    journal = ("--journal", str(tmp_path / "paths.jsonl"))
    monkeypatch.setattr(genprm.reward_models.machine, "open_engine", scripted(breaks=True))
    assert CliRunner().invoke(app, [*common, *journal]).exit_code == 2
    asked.clear()
    monkeypatch.setattr(genprm.reward_models.machine, "open_engine", scripted(breaks=False))
    assert json.loads(call(*common, *journal)) == quiet
    assert all("Once." in prompt for prompt in asked)

    asked.clear()
    (Path(model) / "model.safetensors").write_text("{ }")
    call(*common, *journal)
    assert not all("Once." in prompt for prompt in asked)  # other weights


def test_evaluate_says_how_many_verdicts_the_model_did_not_give_by_itself(mute: str, tmp_path: Path) -> None:
    folder = tmp_path / "odd" / "processbench"
    folder.mkdir(parents=True)
    steps = ["odd", "fine", "wrong"]
    (folder / "math.json").write_text(json.dumps([{**CASE, "steps": steps, "label": 2}]))
    options = ("evaluate", "processbench", "--model", mute, "--subset", "math", "--data", str(folder.parent))
    counts = json.loads(call(*options, "--json"))["verdicts"]
    assert counts == {"verdicts": 3, "forced": 0, "missing": 1, "texts": 0, "cut": 0, "empty": 0}
    assert "1 of 3 verdicts forced or missing" in " ".join(call(*options).split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "/nothing"], "data directory '/nothing' is not a directory"),
        (["--subset", "aime", "--data", "/tmp"], "ProcessBench subset 'aime' is unknown, allowed: gsm8k, math"),
        (["--limit", "0"], "--limit is 0, allowed: a whole number from 1"),
        (["--votes", "-1"], "votes is -1, allowed: a whole number from 1"),
        (
            ["--mode", "judge", "--journal", "a"],
            "--journal keeps the paths of verifiers, allowed with --mode judge: none",
        ),
    ],
)
def test_evaluate_refuses_and_writes_nothing(home: Path, arguments: list[str], message: str) -> None:
    assert message in refusal("evaluate", "processbench", *arguments)
    assert not home.exists()


def test_evaluate_labelled_solutions_of_ones_own(model: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    text = {"problem": "Add.", "solution": "\n\n".join(SOLUTION["steps"])}
    file.write_text(lines({"id": 1, "label": 1, **text}, {"label": -1, "problem": "Add.", "steps": ["1 + 1 = 2"]}))
    report = json.loads(call("evaluate", "file", str(file), "--model", model, "--json"))

    assert report["subsets"]["all"]["f1"] == 100.0
    (first, second) = read_rows(Prediction, Path(report["predictions"]).with_suffix(".parquet"))
    assert (first.id, first.prediction, first.steps) == ("1", 1, SOLUTION["steps"])
    assert (second.id, second.prediction) == ("row-1", -1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--split", "words"], "split is 'words', allowed: auto, headings, paragraphs, sentences or a regular"),
        (["--limit", "0"], "--limit is 0"),
    ],
)
def test_evaluate_of_ones_own_refuses(model: str, arguments: list[str], message: str) -> None:
    rows = lines({"label": 1, **SOLUTION})
    assert message in refusal("evaluate", "file", "-", "--model", model, *arguments, stdin=rows)


def test_a_label_beyond_the_steps_is_refused(model: str, benchmark: Path, home: Path) -> None:
    (benchmark / "processbench" / "math.json").write_text(json.dumps([{**CASE, "label": 2}]))
    message = refusal("evaluate", "processbench", "--subset", "math", "--data", str(benchmark), "--model", model)
    assert "field 'label' is 2, allowed: -1 (no error) to 1 (the last step)" in message
    assert not home.exists()


# score and label


def test_score_by_hand() -> None:
    rows = [
        {"id": "a", "label": 0, "prediction": 0},
        {"id": "b", "label": 2, "rewards": [0.9, 0.6, 0.4]},
        {"id": "c", "label": 1, "prediction": None},
        {"id": "d", "label": 0, "prediction": 1},
        {"id": "e", "label": -1, "rewards": [0.5, 0.5]},
    ]
    report = json.loads(call("score", "-", "--json", stdin=lines(*rows)))

    subset = report["subsets"]["all"]
    assert (subset["n_error"], subset["n_correct"]) == (4, 1)
    assert (subset["error_acc"], subset["correct_acc"]) == (50.0, 100.0)
    assert subset["f1"] == pytest.approx(200 / 3)
    assert subset["f1_ci95"][0] <= subset["f1"] <= subset["f1_ci95"][1]
    assert report["mean_f1"] == subset["f1"]
    assert "66.7" in call("score", "-", stdin=lines(*rows))


@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        ("", "standard input: nothing in it"),
        ("nonsense\n", "standard input line 1: not JSON"),
        (lines({"id": "a", "label": -2, "prediction": 0}), "line 1: field 'label' is -2, allowed: a whole number"),
        (lines({"id": "a", "label": 0}), "line 1: field 'prediction' is missing"),
    ],
)
def test_score_refuses(stdin: str, message: str) -> None:
    assert message in refusal("score", "-", stdin=stdin)


SCORES = lines({"id": "s", "pass_at_1": 0.5, "mc": [0.5, 0.25, 0.0]})


@pytest.mark.parametrize(
    ("options", "progress", "labels"),
    [
        ([], [1.0, 0.5, 0.0], [1, 0, 0]),
        (["--epsilon", "0.5"], [1.0, 0.5, 0.0], [1, 1, 0]),
        (["--estimator", "difference", "--epsilon", "-0.3"], [0.0, -0.25, -0.25], [1, 1, 0]),
        (["--estimator", "hard"], [0.5, 0.25, 0.0], [1, 1, 0]),
    ],
)
def test_label(options: list[str], progress: list[float], labels: list[int]) -> None:
    row = json.loads(call("label", "-", "--json", *options, stdin=SCORES))
    assert row == {"id": "s", "progress": progress, "labels": labels}


def test_label_for_people() -> None:
    assert "s: first error: step 2\n  step 1: progress 1.000, label 1\n" in call("label", "-", stdin=SCORES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--estimator", "soft"], "--estimator is 'soft', allowed: ratio, difference, hard, changepoint"),
        (["--estimator", "difference"], "--epsilon is not given"),
        (["--epsilon", "-2"], "--epsilon is -2.0, allowed: a number from -1 to 10"),
    ],
)
def test_label_refuses_wrong_options(options: list[str], message: str) -> None:
    assert message in refusal("label", "-", *options, stdin=SCORES)


def test_label_refuses_wrong_scores() -> None:
    wrong = lines({"id": "s", "pass_at_1": 0.5, "mc": [0.5, 1.5]})
    assert "line 1: field 'mc[1]' is 1.5, allowed: a number from 0 to 1" in refusal("label", "-", stdin=wrong)


def test_change_points_need_the_rollouts_behind_the_scores() -> None:
    scores = {"id": "s", "pass_at_1": 0.5, "mc": [0.5, 0.0, 0.0], "rollouts": [16, 16, 0]}
    row = json.loads(call("label", "-", "--json", "--estimator", "changepoint", stdin=lines(scores)))
    assert row["labels"] == [1, 0, 0]
    message = refusal("label", "-", "--estimator", "changepoint", stdin=lines({**scores, "rollouts": [16]}))
    assert "field 'rollouts' is [16], allowed: a list of 3 whole numbers from 0" in message


# sandbox


def test_blocks_of_a_conversation_share_their_interpreter() -> None:
    blocks = lines(
        {"conversation": "a", "code": "x = 6"},
        {"conversation": "b", "code": "print('x' in globals())"},
        {"conversation": "a", "code": "print(x * 7)"},
    )
    rows = [json.loads(line) for line in call("sandbox", "exec", "--json", stdin=blocks).splitlines()]

    assert [row["conversation"] for row in rows] == ["a", "b", "a"]
    assert [row["status"] for row in rows] == ["ok", "ok", "ok"]
    assert [row["output"].strip() for row in rows] == ["", "False", "42"]
    assert set(rows[0]) == {"conversation", "status", "output", "level", "state", "seconds"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            '{"conversation": "a", "code": ' + "[" * 100_000 + "]" * 100_000 + "}",
            "line 1: not JSON (nested too deep",
        ),
        ('{"conversation": "a", "code": ' + "1" * 5000 + "}", "line 1: not JSON (a number of thousands of digits"),
        ('{"conversation": "\\ud800", "code": "1"}', "line 1: not JSON (half a surrogate pair"),
        ('{"conversation": "a", "code": 3}', "field 'code' is 3, allowed: a string"),
    ],
)
def test_blocks_that_cannot_be_read_are_refused_in_one_line(row: str, message: str) -> None:
    assert message in refusal("sandbox", "exec", stdin=row)


def test_half_characters_that_code_makes_are_shown_as_question_marks() -> None:
    block = lines({"conversation": "a", "code": "raise ValueError(chr(0xd801))"})
    (row,) = (json.loads(line) for line in call("sandbox", "exec", "--json", stdin=block).splitlines())
    assert row["output"] == "Code execute Error: ValueError: ?"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.characters(categories=["Cs"]) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
TEXTS = st.text() | st.text(st.characters(categories=["Cs"]))
ROWS = (
    st.fixed_dictionaries({"conversation": TEXTS, "code": TEXTS})
    | st.fixed_dictionaries({}, optional={"conversation": JSON_VALUES, "code": JSON_VALUES})
    | JSON_VALUES
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.lists(ROWS.map(json.dumps) | st.text() | st.integers(0, 10**5).map(lambda depth: "[" * depth), max_size=3),
    st.sampled_from([[], ["--json"]]),
)
def test_whatever_comes_in_ends_in_rows_or_in_one_line(found: list[str], options: list[str]) -> None:
    result = CliRunner().invoke(app, ["sandbox", "exec", *options], input="\n".join(found).encode(errors="replace"))
    if result.exit_code:
        assert isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code == 2
        assert result.stderr.startswith("genprm: ")
        assert result.stderr.count("\n") == 1
    else:
        assert result.stderr == ""
        assert not options or all(json.loads(line)["status"] for line in result.stdout.splitlines())


def test_sandbox_refuses_an_unknown_level() -> None:
    assert "--level is 7, allowed: 0, 1, 2, 3" in refusal("sandbox", "exec", "--level", "7")


# doctor


def test_doctor_counts_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from genprm.commands import doctor

    def checks(*states: doctor.State) -> tuple[Callable[[], Any], ...]:
        return (lambda: iter([doctor.Finding(state, "thing", "here") for state in states]),)

    monkeypatch.setattr(doctor, "CHECKS", checks("ok", "optional"))
    assert "optional  thing" in call("doctor")
    monkeypatch.setattr(doctor, "CHECKS", checks("ok", "missing"))
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "1 missing" in result.stdout


def test_doctor_names_a_home_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from genprm.commands.doctor import check_places

    monkeypatch.setenv("GENPRM_HOME", "/proc/nowhere/home")
    found = next(check_places())
    assert (found.state, found.what) == ("missing", "home")


# commands of other packages


class FakeEntryPoint:
    """An entry point whose command is made here."""

    def __init__(self, name: str, command: Any) -> None:
        self.name = name
        self._command = command

    def load(self) -> Any:
        return self._command


def test_commands_of_other_packages_get_their_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    import typer

    def run(profile: str = "miniature", fail: bool = False) -> None:
        """Materialize."""
        print(f"profile {profile}")
        if fail:
            raise typer.Exit(3)

    monkeypatch.setattr(genprm.cli, "installed_entry_points", lambda group: {"run": FakeEntryPoint("run", run)})
    assert call("run", "--profile", "paper-7b") == "profile paper-7b\n"
    assert "Materialize." in call("run", "--help")
    assert CliRunner().invoke(app, ["run", "--fail"]).exit_code == 3
    assert refusal("run", "--nope") == "No such option: --nope"


def test_settings_errors_of_other_packages_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from genprm.profiles import load_profile

    def run() -> None:
        load_profile(overrides=["labels.epsilonn=1"])

    monkeypatch.setattr(genprm.cli, "installed_entry_points", lambda group: {"run": FakeEntryPoint("run", run)})
    assert "labels.epsilonn: unknown key, value 1 (allowed: " in refusal("run")


def test_a_missing_package_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(genprm.cli, "installed_entry_points", lambda group: {})
    assert "command 'run' is not installed" in refusal("run")


def test_a_command_without_its_packages_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> None:
        raise ModuleNotFoundError("No module named 'dagster'", name="dagster")

    monkeypatch.setattr(genprm.cli, "installed_entry_points", lambda group: {"run": FakeEntryPoint("run", run)})
    monkeypatch.setattr("genprm.extras.requires", lambda name: ["dagster==1.0; extra == 'pipeline'"])
    assert refusal("run") == 'run needs the extra "pipeline": pip install "genprm[pipeline]"'


def test_a_module_that_no_extra_brings_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> None:
        raise ModuleNotFoundError("No module named 'genprm.nowhere'", name="genprm.nowhere")

    monkeypatch.setattr(genprm.cli, "installed_entry_points", lambda group: {"run": FakeEntryPoint("run", run)})
    assert isinstance(CliRunner().invoke(app, ["run"]).exception, ModuleNotFoundError)


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(genprm.cli, "installed_entry_points", lambda group: {"run": FakeEntryPoint("run", run)})
    result = CliRunner().invoke(app, ["run"])
    assert isinstance(result.exception, ValueError)


# miniature


def test_miniature_train_says_where_the_models_are(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    asked: list[tuple[Path, float | None]] = []
    monkeypatch.setattr("genprm.miniature.foundry.train.retrain", lambda *arguments: asked.append(arguments))

    assert call("miniature", "train", "--minutes", "3") == f"models: {home / 'miniature-weights'}\n"
    assert asked == [(home / "miniature-weights", 3.0)]


@pytest.mark.parametrize("minutes", ["0", "-1", "nan"])
def test_miniature_train_refuses_no_time(minutes: str) -> None:
    assert "allowed: a number above 0" in refusal("miniature", "train", "--minutes", minutes)


# smol


@pytest.mark.parametrize(
    "command",
    [("train", "--conversations"), ("policy", "--conversations"), ("cases", "--out", "cases.jsonl", "--count")],
)
def test_smol_refuses_nothing_to_make(command: tuple[str, ...]) -> None:
    assert f"{command[-1]} is 0, allowed: a whole number from 1" in refusal("smol", *command, "0")


POLICY_SETTINGS = ["solutions.model", "monte_carlo.model"]


def test_a_run_is_told_where_the_smol_model_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    home = tmp_path / ".genprm"
    for folder, keys in (("smol-rationale", ["rationales.model"]), ("smol-policy", POLICY_SETTINGS)):
        assert next_command(home / folder, keys) == "genprm run --profile smol"
    there = tmp_path / "there"
    policy = next_command(there, POLICY_SETTINGS)
    assert policy == f"genprm run --profile smol --set solutions.model={there} --set monte_carlo.model={there}"


def test_smol_train_does_not_write_over_a_file(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.touch()

    assert "which is a file, allowed: a directory" in refusal("smol", "train", "--out", str(taken))


def test_simulated_estimation_as_json(tmp_path: Path) -> None:
    scores = tmp_path / "scores.jsonl"
    scores.write_text(json.dumps({"pass_at_1": 0.5, "mc": [1.0, 1.0, 0.0]}) + "\n")
    picture = tmp_path / "curve.png"
    common = ("bench", "monte-carlo", "--scores", str(scores), "--plot", str(picture), "--json")
    rows = {row["estimator"]: row for row in json.loads(call(*common))["rows"]}
    # two steps with all and one with no rollout that arrives: everyone agrees, and few rollouts are enough
    assert {row["agree (%)"] for row in rows.values()} == {100.0}
    assert rows["K of the paper"]["rollouts/step"] == pytest.approx(2 * 64 / 3)
    assert rows["error 0.1, flip 0.05"]["rollouts/step"] < 64 / 3
    assert picture.exists()


def test_scores_that_are_none_are_refused() -> None:
    message = refusal("bench", "monte-carlo", "--scores", "-", stdin='{"pass_at_1": 0.5, "mc": [2]}')
    assert message == "standard input line 1: field 'mc[0]' is 2, allowed: a number from 0 to 1"


def test_a_plan_needs_no_model() -> None:
    rows = {row["artifact"]: row for row in json.loads(call("plan", "--profile", "paper-7b", "--json"))["rows"]}
    assert list(rows) == [
        "solutions",
        "mc_scores, fixed",
        "mc_scores, sequential (not chosen)",
        "rationales",
        "checkpoints",
        "processbench",
    ]
    fixed, sequential = rows["mc_scores, fixed"], rows["mc_scores, sequential (not chosen)"]
    assert sequential["tokens"] < fixed["tokens"] / 2
    assert fixed["low"] < fixed["tokens"] < fixed["high"]


def test_a_plan_fits_a_line_of_a_hundred_characters() -> None:
    lines = call("plan", "--profile", "miniature-full").splitlines()
    names = ("solutions", "mc_scores, fixed", "(if sequential)", "judged_otherwise", "best_of_n", "refinement")
    assert all(any(f" {name} " in line for line in lines) for name in names)
    assert max(len(line) for line in lines if "│" in line) <= 100


def test_a_plan_on_wrong_assumptions_is_refused() -> None:
    assert refusal("plan", "--assume", "agree=2").startswith("--assume agree: Input should be less than")
