"""GenPRM as a library: what a caller gets back, and what is refused."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import genprm.verification.manifest
from genprm import GenPRM
from genprm.data_sets.rows import InputError
from genprm.engines.base import Completion, EngineError
from genprm.evaluation.calibrators import IsotonicCalibration
from genprm.manifest import write_manifest
from genprm.prm import check_solution, check_votes
from genprm.profiles import load_profile
from genprm.records import BenchmarkCase
from genprm.settings import TurnFormat, VerifierSettings
from genprm.verification.manifest import model_manifest
from tests.genprm.scripted_engine import ScriptedEngine
from tests.genprm.scripted_judge import EchoSandbox, judge_engine, last_step, reply, verdict

STEPS = ["1 + 1 = 2", "2 + 2 = 5, wrong", "done"]


@pytest.fixture
def prm() -> Any:
    with GenPRM(judge_engine(), EchoSandbox(), VerifierSettings(), "full") as loaded:
        yield loaded


def test_rewards_first_error_and_reasons(prm: GenPRM) -> None:
    result = prm.score("Add.", STEPS)

    assert result.rewards == [pytest.approx(8 / 9), pytest.approx(1 / 9), pytest.approx(8 / 9)]
    assert result.first_error == 1
    step = result.paths[0].steps[1]
    assert (step.code, step.output, step.verdict) == ("print(1)", "8", "No")
    assert step.analysis.endswith("Looks so.")
    assert step.reward == result.rewards[1]
    assert result.tokens == sum(step.tokens for step in result.paths[0].steps) > 0
    assert repr(result) == "Result(first_error=1, rewards=[0.89, 0.11, 0.89], mode='full', votes=1)"


def test_calibrated_rewards_stand_beside_those_of_the_model(prm: GenPRM) -> None:
    prm.calibrator = IsotonicCalibration((0.0, 1.0), (0.0, 0.5))
    result = prm.score("Add.", STEPS)
    assert result.calibrated == pytest.approx([4 / 9, 1 / 18, 4 / 9], abs=1e-6)
    assert (result.rewards[0], result.first_error) == (pytest.approx(8 / 9), 1), "no verdict follows from them"


def test_rewards_say_what_they_were_read_from(prm: GenPRM) -> None:
    reading = prm.score("Add.", STEPS).reading

    assert (reading.provenance.engine, reading.provenance.logprobs, reading.listed) == ("scripted", "raw", 20)
    assert reading.spellings == {"Yes": ["Yes"], "No": ["No"]}


def test_votes_are_independent_paths(prm: GenPRM) -> None:
    result = prm.score("Add.", STEPS, votes=3)

    assert [path.path for path in result.paths] == [0, 1, 2]
    seeds = {request.seed for _, request in prm._engine.requests if request.max_tokens > 1}  # type: ignore[attr-defined]
    assert len(seeds) == 3 * 3 * 3, "three paths, three steps, three parts of a turn"


def test_a_solution_is_sampled_alike_whatever_it_is_scored_with(prm: GenPRM) -> None:
    def requests(solutions: list[tuple[str, list[str]]]) -> set[Any]:
        prm._engine.requests.clear()  # type: ignore[attr-defined]
        prm.score_many(solutions)
        return set(prm._engine.requests)  # type: ignore[attr-defined]

    alone = requests([("Add.", STEPS)])
    assert alone < requests([("Subtract.", ["1 - 1 = 0"]), ("Add.", STEPS)])


def test_many_come_back_in_order_with_progress(prm: GenPRM) -> None:
    done: list[int] = []
    results = prm.score_many([("Add.", STEPS), ("Add.", ["1 + 1 = 2"])], progress=done.append)

    assert [result.first_error for result in results] == [1, -1]
    assert done == [1, 1]


def test_each_result_comes_as_soon_as_it_is_there() -> None:
    told = threading.Event()

    class Waiting(ScriptedEngine):
        async def complete(self, prompt: str, *arguments: Any, **named: Any) -> list[Completion]:
            if "slow" in last_step(prompt):
                await asyncio.to_thread(told.wait, 60)
            return await super().complete(prompt, *arguments, **named)

    with GenPRM(Waiting(reply, verdict), EchoSandbox(), VerifierSettings(), "full") as prm:
        results = prm.score_each([("Add.", ["slow, wrong"]), ("Add.", ["1 + 1 = 2"])])
        first, result = next(results)
        told.set()
        assert (first, result.first_error) == (1, -1)
        assert [(index, one.first_error) for index, one in results] == [(0, 0)]


async def test_inside_an_event_loop(prm: GenPRM) -> None:
    one, many = await asyncio.gather(prm.score_async("Add.", STEPS), prm.score_many_async([("Add.", STEPS[:1])]))

    assert one.first_error == 1
    assert many[0].first_error == -1


def test_the_mode_can_change_from_call_to_call(prm: GenPRM) -> None:
    result = prm.score("Add.", STEPS, mode="direct")

    assert result.first_error == 1
    assert {step.code for step in result.paths[0].steps} == {""}
    assert "mode='direct'" in repr(result)


def test_benchmark_cases_stop_at_the_first_error(prm: GenPRM) -> None:
    case = BenchmarkCase("c", "math", "policy", "Add.", STEPS, False, 1)
    (prediction,) = prm.evaluate([case], votes=2)

    assert prediction.prediction == 1
    assert [len(path) for path in prediction.path_rewards] == [2, 2]


def test_a_text_is_split_into_steps(prm: GenPRM) -> None:
    text = "<think>Easy.</think>\n" + "\n\n".join(STEPS)
    assert prm.score("Add.", text).rewards == prm.score("Add.", STEPS).rewards


@pytest.mark.parametrize(
    ("problem", "steps", "options", "message"),
    [
        ("", STEPS, {}, "problem is '', allowed: a non-empty string"),
        (
            "Add.",
            [],
            {},
            "steps is [], allowed: a non-empty list of strings, one per step, or the solution as text",
        ),
        (
            "Add.",
            " ",
            {},
            "steps is ' ', allowed: a non-empty list of strings, one per step, or the solution as text",
        ),
        (
            "Add.",
            b"1 + 1",
            {},
            "steps is b'1 + 1', allowed: a non-empty list of strings, one per step, or the solution as text",
        ),
        (
            "Add.",
            "<think>1",
            {},
            "steps is '<think>1': there is no solution in the text, allowed: text outside of <think>...</think>",
        ),
        ("Add.", ["1", " "], {}, "steps[1] is ' ', allowed: a non-empty string"),
        (
            "Add.",
            ["1", "2\ud800"],
            {},
            r"steps[1] has half a surrogate pair ('\ud800'), which is no character, allowed: text",
        ),
        (
            "Add \udcff",
            STEPS,
            {},
            r"problem has half a surrogate pair ('\udcff'), which is no character, allowed: text",
        ),
        ("Add.", STEPS, {"votes": 0}, "votes is 0, allowed: a whole number from 1"),
        (
            "Add.",
            STEPS,
            {"mode": "fast"},
            "mode is 'fast', allowed: full, cot, code, text, direct, code_unrun, adaptive",
        ),
    ],
)
def test_what_cannot_be_scored_is_refused(
    prm: GenPRM, problem: str, steps: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=r"\A.*\Z") as refused:
        prm.score(problem, steps, **options)
    assert str(refused.value) == message


def test_closing_frees_engine_and_sandbox_and_later_use_is_refused() -> None:
    engine, sandbox = judge_engine(), EchoSandbox()
    prm = GenPRM(engine, sandbox, VerifierSettings(), "full")
    prm.close()
    prm.close()

    assert sandbox.closed
    with pytest.raises(ValueError, match="closed"):
        prm.score("Add.", STEPS)


def test_an_engine_that_dies_says_where(prm: GenPRM) -> None:
    asyncio.run(prm._engine.close())
    with pytest.raises(EngineError, match=r"path 0, step 0: the scripted engine is closed"):
        prm.score("Add.", STEPS)


def test_a_missing_model_and_an_unknown_engine_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no such directory"):
        GenPRM.load(tmp_path / "nothing")
    with pytest.raises(ValueError, match="engine is 'tpu', allowed: transformers, vllm, or the URL of a server"):
        GenPRM.load(tmp_path, engine="tpu")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A directory that looks like a checkpoint from outside."""
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    return tmp_path


def test_a_checkpoint_says_how_it_is_asked(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taught = VerifierSettings(format=TurnFormat(analyze_lead="Consider {number}: "), rounds=1)
    write_manifest(checkpoint, {"inference_mode": "cot", "verifier": taught.model_dump(mode="json"), "model": "x"})
    monkeypatch.setattr(genprm.prm, "open_engine", lambda model, settings: judge_engine())
    monkeypatch.setattr(genprm.prm, "open_sandbox", lambda settings: EchoSandbox())

    with GenPRM.load(checkpoint) as prm:
        assert prm.mode == "cot"
        assert prm._verifier.settings == taught
    with GenPRM.load(checkpoint, mode="direct") as prm:
        assert prm.mode == "direct"


def test_without_a_manifest_the_paper_s_verifier_is_used(checkpoint: Path) -> None:
    manifest = model_manifest(str(checkpoint))
    assert (manifest.inference_mode, manifest.verifier) == ("full", VerifierSettings())


def test_miniature_models_are_asked_as_their_profile_says(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(genprm.verification.manifest, "resolve_model", lambda name, weights: str(checkpoint))
    assert model_manifest("miniature/base").verifier == load_profile("miniature").rationales.verifier


def test_a_broken_manifest_is_named(checkpoint: Path) -> None:
    (checkpoint / "genprm.json").write_text(json.dumps({"inference_mode": "psychic"}))
    with pytest.raises(ValueError, match=r"genprm\.json: inference_mode: Input should be"):
        model_manifest(str(checkpoint))


@pytest.mark.parametrize(
    "steps", [np.array(["a", "b"]), pd.Series(["a", "b"]), ("a", "b"), (step for step in "ab"), {"a": 1, "b": 2}]
)
def test_steps_may_be_anything_that_gives_texts_in_order(steps: Iterable[str]) -> None:
    checked = check_solution("1 + 1?", steps)
    assert checked == ["a", "b"]
    assert all(type(step) is str for step in checked)


@pytest.mark.parametrize(
    "steps", [None, 3, "", b"ab", [], {"a", "b"}, np.array([]), pd.Series([], dtype=str), [1.0], ["a", " "]]
)
def test_steps_that_are_none_are_refused(steps: Any) -> None:
    with pytest.raises(InputError, match="steps"):
        check_solution("1 + 1?", steps)


def test_votes_may_be_any_whole_number() -> None:
    assert check_votes(np.int64(2)) == 2  # type: ignore[arg-type]
    for wrong in (0, True, 2.0, "2", np.int64(0)):
        with pytest.raises(InputError, match="votes"):
            check_votes(wrong)  # type: ignore[arg-type]
