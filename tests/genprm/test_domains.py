"""Domains: mathematics as it was, and one of another package from problems to labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from genprm.data_sets.problems import load_problems
from genprm.labels.progress import label_steps
from genprm.monte_carlo import score_steps
from genprm.profiles import load_profile
from genprm.records import Problem
from genprm.registry import DOMAINS, domain_of
from genprm.settings import LabelVariant, MonteCarloSettings, ProblemSettings, SettingsError, SolutionSettings
from genprm.solutions import sample_solutions
from genprm.step_sampler import StepSampler
from tests.genprm.installed_package import install
from tests.genprm.scripted_engine import ScriptedEngine

WORDS = '''
"""Sums in words: steps are lines that begin with a letter, answers are the last word, in any case."""

import re
from contextlib import nullcontext

from genprm.domains.base import Domain
from genprm.records import Problem


class LetteredSteps:
    def split(self, text):
        steps = [part.strip() for part in re.split(r"^(?=\\([a-z]\\))", text, flags=re.MULTILINE) if part.strip()]
        right = [step.startswith(self.header(number)) for number, step in enumerate(steps, 1)]
        return steps if steps and all(right) else None

    def header(self, number):
        return f"({chr(ord('a') + number - 1)})"


class LastWord:
    def extract(self, text):
        words = re.findall(r"[A-Za-z]+", text)
        return words[-1] if words else None

    async def same(self, reference, given):
        return given is not None and reference.casefold() == given.casefold()


def sums(settings, data_dir):
    names = ["one", "two", "three", "four", "five", "six"]
    for number in range(3):
        yield Problem(f"w{number}", f"What is {names[number]} and one?", names[number + 1], "sums-in-words")


WORDS = Domain("words", lambda: nullcontext(LastWord()), {"sums-in-words": sums}, LetteredSteps())
'''


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "site", monkeypatch, "sums_in_words", WORDS, {"genprm.domains:words": "WORDS"})


def test_mathematics_is_the_domain_of_its_sources() -> None:
    assert domain_of("miniature") is domain_of("math-train") is DOMAINS.get("mathematics")


def test_a_source_that_no_domain_has_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"problems\.source: source is 'sums', allowed: miniature, math-train"):
        load_profile(None, ["problems.source=sums"])


def test_what_fingerprints_are_made_of_stays_as_it_was() -> None:
    assert ProblemSettings().model_dump_json() == '{"source":"math-train","limit":null,"seed":0,"shards":16}'
    assert list(Problem.__dataclass_fields__) == ["id", "problem", "answer", "source"]


async def test_mathematics_reads_and_compares_answers_by_meaning() -> None:
    with DOMAINS.get("mathematics").grader() as grader:
        found = grader.answers.extract("Step 1: $\\boxed{3}$\n\nStep 2: so $\\boxed{\\frac{1}{2}}$")
        assert await grader.answers.same("0.5", found)
        assert not await grader.answers.same("0.5", None)


@pytest.mark.usefixtures("words")
def test_a_source_of_another_package_is_chosen_by_the_settings() -> None:
    settings = load_profile(None, ["problems.source=sums-in-words", "problems.limit=2"]).problems
    assert [problem.answer for problem in load_problems(settings)] == ["two", "three"]


@pytest.mark.usefixtures("words")
async def test_a_domain_of_another_package_is_sampled_scored_and_labelled() -> None:
    """The policy counts right every second time, and goes on from what it counted."""
    drawn = iter(range(10_000))

    def reply(prompt: str) -> str:
        turn = prompt.rpartition("<|assistant|>\n")[2]
        right = next(drawn) % 2 == 0
        if turn == "(a)":
            return f" Count to {'two' if right else 'nine'}.\n(b) So it is {'TWO' if right else 'nine'}"
        return " So it is Two" if "to two" in turn else " So it is nine"

    engine = ScriptedEngine(reply)
    domain = domain_of("sums-in-words")
    problem = load_problems(ProblemSettings(source="sums-in-words"))[0]
    asked = SolutionSettings(prefill="(a)", wanted_correct=1, wanted_incorrect=1, batch=4)
    scoring = MonteCarloSettings(tiers=(), rollouts_otherwise=4)
    with domain.grader() as grader:
        sampled, solutions = await sample_solutions(problem, engine, asked, grader)
        scores = [await score_steps(solution, engine, scoring, grader) for solution in solutions]
    assert (sampled.outcome, sampled.correct, sampled.invalid) == ("kept", 2, 0)
    assert {solution.correct: solution.steps for solution in solutions} == {
        True: ["(a) Count to two.", "(b) So it is TWO"],
        False: ["(a) Count to nine.", "(b) So it is nine"],
    }
    found = {solution.correct: one for solution, one in zip(solutions, scores, strict=True)}
    assert (found[True].mc, found[False].mc) == ([1.0, 1.0], [0.0, 0.0])
    assert [label_steps(found[kind], LabelVariant()).labels for kind in (True, False)] == [[1, 1], [0, 0]]

    (step,) = await StepSampler(engine, asked, domain.steps).next_step(problem.problem, [], 1, seed=0)
    assert step.text in ("(a) Count to two.", "(a) Count to nine.")
    assert not step.ended
