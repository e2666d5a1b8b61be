"""The method without models: every function of `genprm` that needs one gives the same plausible rows each time.

Real assets on top of this make a real pipeline in seconds. `build(profile)` can be named to worker processes. Every
call that would have cost a model is noted in the file that `FAKE_CALLS` names.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg

from genprm.engines.copies.processes import ReplicaDied
from genprm.manifest import write_manifest
from genprm.miniature.world.judge import Judgement
from genprm.profiles import build_profile
from genprm.records import (
    BenchmarkCase,
    Problem,
    Provenance,
    Rationale,
    SampledProblem,
    SampledSolution,
    Solution,
    StepScores,
    StepVerification,
    TrainingExample,
    Verification,
)
from genprm.reward_models.base import RewardModel, SolutionScore
from genprm.reward_models.registry import Adapter, adapter_named
from genprm.reward_models.think_prm import ThinkPRM
from genprm.scaling.critics import Critique, RewardCritic
from genprm.scaling.refinement import Attempt, Refinement
from genprm.search.base import Searcher
from genprm.search.budgets import Budget, SearchCandidate, SearchedProblem
from genprm.settings import EngineSettings, Profile
from genprm.training import LossPoint, TrainingJob, TrainingReport, read_report
from genprm.training.report import write_losses
from genprm.verification.verifier import GoOn, every_step
from orchestration.assembly import build_definitions

PROVENANCE = Provenance("fake", "1", "raw")
TURN = (
    "<analyze>\nIt adds.\n</analyze>\n"
    "<verify>\n```python\nprint(1 + 1)\n```\n[Code Output]\n\n```\n2\n```\n</verify>\n"
    "<output>\n**Judgement**: $\\boxed{%s}$\n</output>\n"
)


def fake_profile(**sections: Mapping[str, Any]) -> Profile:
    """Eight problems in two shards, two label variants, three trained models, two subsets of four cases."""
    values: dict[str, Any] = {
        "name": "fake",
        "problems": {"source": "miniature", "limit": 8, "shards": 2},
        "labels": {"variants": {"hard": {"estimator": "hard"}}},
        "training": {"base": {"tiny": "hub/tiny"}, "batch_size": 4, "device_batch_size": 4},
        "evaluation": {"source": "miniature", "subsets": ["short", "long"], "votes": 4, "bootstrap": 100},
        "runner": {"workers": 2},
    }
    for name, section in sections.items():
        values[name] = {**values.get(name, {}), **section}
    return build_profile(values)


def note(what: str) -> None:
    """Write down that a model would have worked."""
    with Path(os.environ["FAKE_CALLS"]).open("a") as file:
        file.write(what + "\n")


def calls() -> list[str]:
    """What was noted, in order."""
    path = Path(os.environ["FAKE_CALLS"])
    return path.read_text().split() if path.exists() else []


def problems(settings: Any, directory: Any = None) -> list[Problem]:
    return [Problem(f"p{n}", f"What is {n} + {n}?", str(2 * n), "fake") for n in range(settings.limit)]


def _solution(problem: Problem, index: int, correct: bool) -> Solution:
    steps = [f"Step {n}: {problem.id} {index}" for n in (1, 2, 3)]
    answer = problem.answer if correct else "0"
    return Solution(
        f"{problem.id}-{index}", problem.id, problem.problem, problem.answer, steps, answer, correct, 0.5
    )


def _die(problem: Problem) -> None:
    """At p0, as often as `FAKE_DEATHS` says ("worker 2": twice): kill this process, end a copy of its engine,
    or exit with a status, as after an error that nothing caught."""
    what, _, times = os.environ.get("FAKE_DEATHS", "").partition(" ")
    if problem.id != "p0" or not what or calls().count(what) >= int(times):
        return
    note(what)
    if what == "copy":
        raise ReplicaDied("the process of a copy ended by signal 9")
    if what == "exit":
        os._exit(3)
    os.kill(os.getpid(), signal.SIGKILL)


async def sample_solutions(problem: Problem, *_: Any) -> tuple[SampledProblem, list[Solution]]:
    note("solutions")
    if problem.id == os.environ.get("FAKE_FAILURE"):
        raise RuntimeError(f"no solution\nof {problem.id}")
    _die(problem)
    if os.environ.get("FAKE_SLEEP"):
        await asyncio.sleep(float(os.environ["FAKE_SLEEP"]))
    sampled = SampledProblem(problem.id, 8, 4, 0, 0.5, "kept", 80, 20)
    return sampled, [_solution(problem, 0, True), _solution(problem, 1, False)]


async def score_steps(solution: Solution, *_: Any) -> StepScores:
    """Progress never falls below one half before the error; for half of the problems it falls below 0.8."""
    note("mc_scores")
    dips = int(solution.problem_id[1:]) % 2 == 1
    outcomes = ["01" * 4, "0001" * 2 if dips else "01" * 4, ""]
    mc = [0.5, 0.25 if dips else 0.5, 1.0 if solution.correct else 0.0]
    return StepScores(solution.id, solution.problem_id, 0.5, mc, [8, 8, 0], 40, outcomes=outcomes)


def _judged(yes: bool) -> StepVerification:
    word = "Yes" if yes else "No"
    return StepVerification(
        TURN % word, "It adds.", "print(1 + 1)", "2", 0.9 if yes else 0.1, word, False, ["ok"], 9
    )


async def judge_solution(solution: Solution, *_: Any) -> Rationale:
    note("rationales")
    steps = [_judged(True), _judged(True), _judged(solution.correct)]
    verification = Verification(solution.id, 0, "full", steps, 30, 27, PROVENANCE, ["No", "Yes"])
    first_error = -1 if solution.correct else 2
    return Rationale(solution.id, solution.problem, solution.steps, first_error, verification)


def run_training(
    examples: Sequence[TrainingExample], job: TrainingJob, env: Mapping[str, str], log: Any
) -> TrainingReport:
    note("checkpoints")
    if os.environ.get("FAKE_FAILURE") == "training":
        raise RuntimeError("the loss is not a number")
    job.out_dir.mkdir(parents=True)
    weights = hashlib.sha256(repr((examples, job.settings, job.base, job.mask_code_output)).encode()).digest()
    (job.out_dir / "model.safetensors").write_bytes(weights)
    for name in ("config.json", "tokenizer.json"):
        (job.out_dir / name).write_text("{}")
    write_losses([LossPoint(n, n / 3, 2.0 / n, 1e-3) for n in (1, 2, 3)], job.out_dir)
    seen = {"examples": len(examples), "dropped": 0, "tokens": 100, "loss_tokens": 60}
    write_manifest(job.out_dir, {**job.manifest, "base": job.base, **seen})
    return read_report(job.out_dir)


def train_further(cases: Sequence[Any], job: TrainingJob, env: Mapping[str, str], log: Any) -> TrainingReport:
    """It learns from the first wrong step of each solution."""
    assert {case.label for case in cases} == {-1, 2}
    return run_training(cases, job, env, log)


def train_discriminative(
    examples: Sequence[Any], job: TrainingJob, env: Mapping[str, str], log: Any
) -> TrainingReport:
    """A head learns from steps with labels."""
    assert all(len(example.steps) == len(example.labels) for example in examples)
    return run_training(examples, job, env, log)


class FakeHead(RewardModel):
    """Calls the second step wrong in every solution."""

    name = "fake head"

    async def score_many(self, solutions: Sequence[Any], progress: Any = None) -> list[SolutionScore]:
        note("head")
        rewards = [0.9, 0.2, 0.9]
        return [SolutionScore(rewards, [rewards], prompt_tokens=5) for _ in solutions]


FAKES = {"token-classifier": Adapter("token-classifier", lambda *_: FakeHead(), {})}


class FakeThinkPRM(ThinkPRM):
    """Finds the second step wrong in every solution, and is fairly sure of solutions that are called right."""

    def __init__(self, engine: Any, votes: int, generation_prompt: bool, **options: Any) -> None:
        assert "checkpoints" in engine
        assert not generation_prompt, "it learnt from finished turns"
        super().__init__(engine, votes, **options)

    async def verify(self, problem: str, steps: Sequence[str], number: int) -> SolutionScore:
        note("think")
        rewards = [1.0, 0.0, 0.5]
        return SolutionScore(rewards, [rewards], 5, 7, outcome=0.25)


class FakeVerifier:
    """A trained model is right about every case, an untrained one about right solutions only."""

    def __init__(self, engine: str, *_: Any) -> None:
        self.engine = engine
        self.knows = "checkpoints" in engine
        self.live_paths = 256

    async def verify(
        self,
        case_id: str,
        problem: str,
        steps: Sequence[str],
        mode: str,
        path: int = 0,
        go_on: GoOn = every_step,
    ) -> Verification:
        note("processbench")
        wrong = self.knows and "wrong" in case_id
        judged = [_judged(True)]
        for yes in (not wrong, True):
            if not await go_on([step.reward for step in judged]):
                break
            judged.append(_judged(yes))
        return Verification(case_id, path, "full", judged, 30, 27, PROVENANCE, ["No", "Yes"])


def cases(context: Any) -> list[BenchmarkCase]:
    note("evaluation_set")
    return [
        BenchmarkCase(f"{subset}-{kind}-{n}", subset, "fake", f"{subset} {n}?", ["a", "b", "c"], label < 0, label)
        for subset in context.profile.evaluation.subsets
        for kind, label in (("wrong", 1), ("right", -1))
        for n in range(2)
    ]


def answer_problems(name: str, settings: Any, *_: Any) -> list[Problem]:
    return [Problem(f"{name}-{n}", f"{name} {n}?", "1", name) for n in range(3)]


async def sample_candidate(problem: Problem, index: int, *_: Any) -> SampledSolution:
    """Every third candidate is right."""
    note("candidates")
    right = index % 3 == 0
    name = f"{problem.id}-{'right' if right else 'wrong'}-{index}"
    answer = "1" if right else "0"
    return SampledSolution(name, problem.id, problem.problem, ["a", "b", "c"], answer, None, right, 7, 4)


async def criticise(refinement: Refinement, critic: Any) -> Critique:
    """A verifier finds what is wrong with the answer, the policy itself finds nothing."""
    note("critiques")
    wrong = isinstance(critic, RewardCritic) and not refinement.last.correct
    return Critique(1 if wrong else None, "It is 1." if wrong else "", 5, 2, 1)


async def rewrite(refinement: Refinement, *_: Any) -> Attempt:
    """Right from the second rewrite on."""
    note("rewrites")
    turn = refinement.last.turn + 1
    return Attempt(turn, ("a", "b"), "1", turn == 2, None, 7, 0, 3)


async def search_problem(
    searcher: Searcher, problem: Problem, method: str, budget: Budget, settings: Any
) -> SearchedProblem:
    """A larger budget is right, and with a judge the smallest one, too."""
    note("searches")
    right = searcher.judge is not None or budget.factor > 1
    found = SearchCandidate("0.0", "0", "1" if right else "0", [0.9])
    steps = ["a", f"\\boxed{{{found.answer}}}"]
    tokens = (budget.tokens, 2, 3)
    return SearchedProblem(problem.id, *budget, right, "0.0", found.answer, steps, [found], *tokens, 4, 4, 1)


class FakeMachines:
    """An engine is its model's name; the sandbox runs nothing."""

    settings = EngineSettings()
    live_paths = settings.live_paths

    def engine(self, model: str) -> Any:
        return model

    def engines(self, *models: str) -> list[Any]:
        return list(models)

    def sandbox(self) -> Any:
        return SimpleNamespace(description=lambda: {"level": 2})

    def run(self, work: Any) -> Any:
        return asyncio.run(work)

    def devices(self, count: int) -> Any:
        return contextlib.nullcontext()

    def here(self, model: str) -> EngineSettings:
        return self.settings


def replacements() -> list[tuple[Any, str, Any]]:
    """(module, name, fake) for everything that would need a model."""
    from assets import (
        candidates,
        checkpoints,
        evaluation_set,
        judging,
        mc_scores,
        rationales,
        refinement,
        search,
        solutions,
    )
    from assets import problems as problem_asset
    from genprm.results import label_quality
    from genprm.reward_models import genprm as verifier_model
    from genprm.reward_models import think_prm
    from genprm.scaling import refinement as scaling_refinement
    from genprm.training.recipes import base as base_recipe
    from genprm.training.recipes import discriminative as discriminative_recipe
    from genprm.training.recipes import reinforced as reinforced_recipe

    return [
        (problem_asset, "load_problems", problems),
        (solutions, "sample_solutions", sample_solutions),
        (mc_scores, "score_steps", score_steps),
        (rationales, "judge_solution", judge_solution),
        (label_quality, "judge", lambda problem, steps: Judgement(2 if steps[0].endswith(" 1") else -1, None)),
        (base_recipe, "run_training", run_training),
        (reinforced_recipe, "train_further", train_further),
        (discriminative_recipe, "train_discriminative", train_discriminative),
        (judging, "adapter_named", lambda name: FAKES.get(name) or adapter_named(name)),
        (think_prm, "ThinkPRM", FakeThinkPRM),
        (verifier_model, "Verifier", FakeVerifier),
        (checkpoints, "resolve_model", lambda name: name),
        (evaluation_set, "cases_of", cases),
        (candidates, "answer_problems", answer_problems),
        (candidates, "sample_candidate", sample_candidate),
        (refinement, "answer_problems", answer_problems),
        (search, "answer_problems", answer_problems),
        (search, "search_problem", search_problem),
        (scaling_refinement, "criticise", criticise),
        (scaling_refinement, "rewrite", rewrite),
    ]


def build(profile: Profile) -> dg.Definitions:
    """Definitions whose assets are real and whose method is fake; for worker processes."""
    for module, name, fake in replacements():
        setattr(module, name, fake)
    return definitions(profile)


def definitions(profile: Profile, **resources: Any) -> dg.Definitions:
    """The definitions of a profile on machines without models."""
    return build_definitions(profile, {"machines": FakeMachines(), **resources}, "fake_method:build")
