"""Judging for assets: what journals are keyed by never changes, so that what was judged before is found again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assets.judging import Judge, judge_cases
from genprm.checkpoints import Checkpoint
from genprm.lineup import Lineup
from genprm.profiles import load_profile
from genprm.records import BenchmarkCase, Prediction, StepwiseSolution
from genprm.reward_models import genprm as verifier_model
from genprm.reward_models import think_prm
from genprm.reward_models.base import SolutionScore
from genprm.reward_models.think_prm import ThinkPRM
from genprm.tables import to_dict
from tests.orchestration.fake_method import FakeMachines, FakeVerifier

PROBLEM, STEPS = "How many?", ["1 + 1 = 2.", "So 2."]
CASE = BenchmarkCase("case-1", "math", "g", PROBLEM, STEPS, True, -1)


class Keys:
    """A journal that remembers what was asked for."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def get(self, key: str) -> Any:
        return self.values[key]

    def put(self, key: str, value: Any) -> None:
        self.values[key] = value


class Thinker(ThinkPRM):
    """Finds nothing wrong, without a model."""

    async def verify(self, problem: str, steps: Sequence[str], number: int) -> SolutionScore:
        rewards = [1.0] * len(steps)
        return SolutionScore(rewards, [rewards], 5, 7, outcome=0.75)


@pytest.fixture
def _no_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(verifier_model, "Verifier", FakeVerifier)
    monkeypatch.setattr(think_prm, "ThinkPRM", Thinker)
    monkeypatch.setenv("FAKE_CALLS", str(tmp_path / "calls"))


def judge(key: str, journal: Keys, votes: int = 4, finished: list[int] | None = None, kept: int = 1) -> Judge:
    profile = load_profile("miniature", ["training.think=true", f"evaluation.kept_paths={kept}"])
    model = Lineup(profile).model(key)
    told = [] if finished is None else finished
    context: Any = SimpleNamespace(
        profile=profile,
        machines=FakeMachines(),
        journal=lambda: nullcontext(journal),
        advance=lambda total: told.append,
    )
    return Judge(context, model, Checkpoint(key, model.mode, "weights", "v1", "run"), votes)


@pytest.mark.usefixtures("_no_models")
def test_a_verification_path_of_a_benchmark_case_has_the_key_it_always_had() -> None:
    journal = Keys()
    judge_cases(judge("rationale", journal), [CASE])
    first, _, _, last = journal.values
    assert (first, last) == ("c593a11d7681b1bfcbe20e8817375f74", "a911fcdb8c137cb34ebf4c8b6a72248e")


@pytest.mark.usefixtures("_no_models")
def test_a_verification_path_of_a_candidate_has_the_key_it_always_had() -> None:
    journal = Keys()
    rows = {StepwiseSolution(PROBLEM, tuple(STEPS), "case-1"): ("case-1", PROBLEM, STEPS)}
    judge("rationale", journal).score(rows, "2")
    assert list(journal.values)[3] == "ebfe26a2bf304108ee07852d735b8b2c"


@pytest.mark.usefixtures("_no_models")
def test_a_chain_of_a_thinkprm_has_the_key_it_always_had_in_every_artifact() -> None:
    benchmark, candidates = Keys(), Keys()
    judge_cases(judge("miniature.main.think", benchmark), [CASE])
    rows = {StepwiseSolution(PROBLEM, tuple(STEPS), "candidate"): ("candidate", PROBLEM, STEPS)}
    (score,) = judge("miniature.main.think", candidates).score(rows, "2").values()
    assert list(benchmark.values)[3] == list(candidates.values)[3] == "68a922fbb39c92fea7383a615fe9dd9d"
    assert score.outcome == 0.75


@pytest.mark.usefixtures("_no_models")
def test_more_votes_begin_with_the_paths_there_are() -> None:
    journal = Keys()
    judge_cases(judge("rationale", journal, votes=2), [CASE])
    before = dict(journal.values)
    finished: list[int] = []
    (row,), _ = judge_cases(judge("rationale", journal, 4, finished), [CASE])
    assert len(row.path_rewards) == 4
    assert {key: journal.values[key] for key in before} == before
    assert len(journal.values) == 4
    assert finished == [1]


def written(path: Any) -> list[str]:
    return [step["text"] for step in path["steps"]]


@pytest.mark.usefixtures("_no_models")
@pytest.mark.parametrize("kept", [0, 1, 3])
def test_so_many_paths_keep_their_text_and_nothing_else_depends_on_it(kept: int) -> None:
    journal, bare = Keys(), Keys()
    judged = judge_cases(judge("rationale", journal, kept=kept), [CASE])
    assert [all(written(path)) for path in journal.values.values()] == [number < kept for number in range(4)]
    assert [to_dict(path) for path in judged.transcripts] == (list(journal.values.values()) if kept else [])
    assert judged.predictions == judge_cases(judge("rationale", bare, kept=0), [CASE]).predictions
    assert list(journal.values) == list(bare.values)


@pytest.mark.usefixtures("_no_models")
def test_paths_that_were_judged_before_texts_were_kept_are_found_and_have_none(tmp_path: Path) -> None:
    journal, case = Keys(), replace(CASE, steps=[*STEPS, "Done."])
    before = judge_cases(judge("rationale", journal, kept=0), [case])
    calls = (tmp_path / "calls").read_text()
    after = judge_cases(judge("rationale", journal, kept=1), [case])
    assert after.predictions == before.predictions
    assert written(to_dict(after.transcripts[0])) == ["", "", ""]
    assert (tmp_path / "calls").read_text() == calls


@pytest.mark.usefixtures("_no_models")
def test_a_model_that_judges_no_step_by_itself_has_no_transcripts() -> None:
    judged = judge_cases(judge("miniature.main.think", Keys(), kept=4), [CASE])
    assert [table.record for table in judged.tables()] == [Prediction]
