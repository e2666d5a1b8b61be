"""Solving problems with a policy and a judge, from their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from genprm.data_sets.rows import InputError
from genprm.engines import open_engine
from genprm.engines.base import Engine
from genprm.engines.versions import weights_version
from genprm.event_loops import together
from genprm.journal import Journal
from genprm.modes import Mode
from genprm.named_journal import open_journal
from genprm.prm import GenPRM, check_votes, engine_settings
from genprm.profiles import load_profile
from genprm.registry import DOMAINS
from genprm.search.base import Searcher, SearchResult, check_budget, known_method
from genprm.search.roles import GenerativeJudge, JournaledPolicy, StepJournal, StepJudge, StepPolicy
from genprm.settings import EngineSettings, SearchSettings, SolutionSettings
from genprm.step_sampler import StepSampler
from genprm.verification.verifier import Verifier

MINIATURE = "miniature/"
POLICY = "miniature/policy"
DOMAIN = "mathematics"
STEPS_VERSION = "1"
"""Version of the steps in a journal; raise it when steps are sampled or judged in another way."""


def policy_settings(policy: str) -> SolutionSettings:
    """How a policy is asked for solutions: as in the paper (4.2); a miniature one as in the miniature's profile."""
    known = load_profile("miniature").solutions if policy.startswith(MINIATURE) else SolutionSettings()
    return known.model_copy(update={"model": policy})


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchPlan:
    """How problems are searched: a method (`genprm.registry.SEARCHES`), and the tokens of policy and judge for each
    of them. A step's reward is the mean of `votes` conversations of the judge.

    `journal` is a file that keeps every step that was sampled or judged. A search that is started again with it,
    after a kill for example, reuses those steps and gives the same result as one that was not interrupted.
    """

    method: str = "beam"
    budget: int = 20_000
    votes: int = 1
    seed: int = 0
    settings: SearchSettings | None = None
    journal: Path | None = None


def solve(
    problems: Sequence[str],
    prm: GenPRM,
    plan: SearchPlan | None = None,
    policy: str | Path = POLICY,
    engine: str | EngineSettings = "transformers",
    progress: Callable[[int], None] = lambda solved: None,
) -> list[SearchResult]:
    """Search for solutions of `problems`, all at once, each with a budget of its own; results in order.

    Args:
        prm: the judge (`GenPRM.load`).
        policy: directory, hub id or miniature/NAME of the model that writes the steps; `engine` says how it runs.
        progress: called with 1 after each problem.

    Raises:
        InputError: no such method or engine, a budget or votes below 1, a policy that never ended a step, or a
            journal that is another file.
        JournalError: the journal is in use, or damaged.
        EngineError, SandboxError: a model cannot be loaded or cannot go on.
    """
    plan = plan or SearchPlan()
    known_method(plan.method)
    check_budget(plan.budget)
    check_votes(plan.votes)
    chosen = engine_settings(engine) if isinstance(engine, str) else engine
    with _kept_steps(plan.journal) as journal:
        writer = open_engine(str(policy), chosen)

        async def work(verifier: Verifier) -> list[SearchResult]:
            try:
                with DOMAINS.get(DOMAIN).grader() as grader:
                    writes = _policy(writer, str(policy), journal)
                    searcher = Searcher(writes, _judge(verifier, prm.mode, plan.votes, journal), grader.answers)

                    async def solved(problem: str) -> SearchResult:
                        result = await searcher.search(problem, plan.method, plan.budget, plan.settings, plan.seed)
                        progress(1)
                        return result

                    return await together([solved(problem) for problem in problems])
            finally:
                await writer.close()

        results = prm.run(work)
    _check_that_steps_end(results, str(policy))
    return results


@contextmanager
def _kept_steps(path: Path | None) -> Iterator[Journal]:
    """The journal that keeps steps. If no file is named, it lasts only for this search, so that equal solutions are
    still judged only once."""
    if path is not None:
        with open_journal(path) as journal:
            yield journal
        return
    with TemporaryDirectory() as folder, Journal(Path(folder) / "steps.jsonl") as journal:
        yield journal


def _policy(writer: Engine, name: str, journal: Journal) -> StepPolicy:
    """The policy called `name`, never asked twice for the same samples."""
    asking = policy_settings(name)
    sampler = StepSampler(writer, asking, DOMAINS.get(DOMAIN).steps)
    return JournaledPolicy(sampler, asking, _steps(journal, name))


def _judge(verifier: Verifier, mode: Mode, votes: int, journal: Journal) -> StepJudge:
    return GenerativeJudge(verifier, mode, votes, _steps(journal, verifier.engine.model))


def _steps(journal: Journal, model: str) -> StepJournal:
    return StepJournal(journal, (STEPS_VERSION, weights_version(model)))


def _check_that_steps_end(results: Sequence[SearchResult], policy: str) -> None:
    steps = sum(result.spending.steps for result in results)
    cut = sum(result.spending.truncated_steps for result in results)
    if steps and cut == steps:
        tokens = policy_settings(policy).sampling.max_tokens
        raise InputError(
            f"policy {policy!r} never ends a step: all {steps} ran out of their {tokens} tokens; "
            "it has to write 'Step 1: ...', 'Step 2: ...'"
        )
