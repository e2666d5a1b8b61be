"""Solution generation with step forcing (paper 4.2): sample paths until enough are right and enough are wrong."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

from genprm.answers import AnswerChecker, extract_answer
from genprm.engines.base import Completion, Engine, Sampling
from genprm.records import Message, Problem, SampledProblem, Solution
from genprm.settings import SamplingSettings, SolutionSettings

_HEADER = re.compile(r"^Step (\d+):", re.MULTILINE)

Flaw = Literal["truncated", "misnumbered", "one step"]
"""Why a path is invalid."""


def split_steps(text: str) -> list[str] | None:
    """The steps of a solution, each with its header `Step <n>:`; None unless they are numbered 1, 2, ... T.

    Headers count at line start only, so a step may speak of "Step 2: ..." inside a line. Text before the first
    header makes the solution invalid: no step owns it.

    >>> split_steps("Step 1: a\\n\\nStep 2: b, see Step 1: above")
    ['Step 1: a', 'Step 2: b, see Step 1: above']
    >>> split_steps("Step 1: a\\nStep 3: b") is None
    True
    """
    headers = list(_HEADER.finditer(text))
    if [match[1] for match in headers] != [str(n) for n in range(1, len(headers) + 1)]:
        return None
    if not headers or text[: headers[0].start()].strip():
        return None
    ends = [match.start() for match in headers[1:]] + [len(text)]
    return [text[match.start() : end].strip() for match, end in zip(headers, ends, strict=True)]


def step_body(step: str) -> str:
    """A step without its header."""
    return _HEADER.sub("", step, count=1).strip() if _HEADER.match(step) else step


def last_step(text: str) -> str:
    """What follows the last step header of a text, numbered well or not; the whole text if there is none."""
    headers = list(_HEADER.finditer(text))
    return text[headers[-1].end() :] if headers else text


def final_answer(text: str) -> str | None:
    """The answer that the last step of a sampled solution states."""
    return extract_answer(last_step(text))


def prompt_messages(system: str | None, prompt: str, problem: str) -> list[Message]:
    """The conversation that asks for a solution; `{problem}` in `prompt` stands for the problem's text."""
    user = Message("user", prompt.replace("{problem}", problem))
    return [user] if system is None else [Message("system", system), user]


def derived_seed(*parts: object) -> int:
    """A 31-bit seed that depends on every part and on nothing else."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def sampling_of(settings: SamplingSettings, seed: int) -> Sampling:
    """A request's sampling parameters."""
    return Sampling(
        max_tokens=settings.max_tokens,
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=settings.top_k,
        seed=seed,
    )


@dataclass(frozen=True, slots=True)
class Path:
    """One sampled solution, judged. `steps` is empty and `flaw` says why when it is invalid."""

    steps: tuple[str, ...]
    final_answer: str | None
    correct: bool
    flaw: Flaw | None
    tokens: int


async def judge_path(prefill: str, completion: Completion, answer: str, answers: AnswerChecker) -> Path:
    """Split, check and grade one completion that continues `prefill`."""
    flaw: Flaw | None = None
    steps = split_steps(prefill + completion.text)
    if completion.finish_reason != "stop":
        flaw = "truncated"
    elif steps is None:
        flaw = "misnumbered"
    elif len(steps) == 1:
        flaw = "one step"
    if flaw is not None or steps is None:
        return Path((), None, False, flaw, completion.tokens)
    found = final_answer(steps[-1])
    correct = await answers.equivalent_async(answer, found)
    return Path(tuple(steps), found, correct, None, completion.tokens)


def _distinct(paths: list[Path], correct: bool) -> dict[tuple[str, ...], int]:
    """The first sample index of each distinct valid path that is right (or wrong), in sampling order."""
    found: dict[tuple[str, ...], int] = {}
    for index, path in enumerate(paths):
        if path.flaw is None and path.correct == correct:
            found.setdefault(path.steps, index)
    return found


def _outcome(correct: int, incorrect: int) -> str:
    if not correct:
        return "hard"
    return "kept" if incorrect else "easy"


async def sample_solutions(
    problem: Problem, engine: Engine, settings: SolutionSettings, answers: AnswerChecker
) -> tuple[SampledProblem, list[Solution]]:
    """Sample one problem until `wanted_correct` and `wanted_incorrect` distinct valid paths are there, or the cap.

    An invalid path (truncated, misnumbered, one step) counts as incorrect for Pass@1 and is never kept. A problem
    without a correct path (hard) or without an incorrect one (easy) keeps nothing. Kept solutions come in sampling
    order; the id of the k-th sample is `<problem id>-<k>`, so that raising the wanted numbers adds to them.
    """
    prompt = engine.render(
        prompt_messages(settings.system, settings.prompt, problem.problem), prefill=settings.prefill
    )
    paths: list[Path] = []
    batch = 0
    while len(paths) < settings.max_samples:
        seed = derived_seed(settings.seed, problem.id, batch)
        wanted = min(settings.batch, settings.max_samples - len(paths))
        for completion in await engine.complete(prompt, sampling_of(settings.sampling, seed), wanted):
            paths.append(await judge_path(settings.prefill, completion, problem.answer, answers))
        batch += 1
        right, wrong = _distinct(paths, True), _distinct(paths, False)
        if len(right) >= settings.wanted_correct and len(wrong) >= settings.wanted_incorrect:
            break
    right, wrong = _distinct(paths, True), _distinct(paths, False)
    outcome = _outcome(len(right), len(wrong))
    correct = sum(path.correct for path in paths)
    sampled = SampledProblem(
        problem_id=problem.id,
        samples=len(paths),
        correct=correct,
        invalid=sum(path.flaw is not None for path in paths),
        pass_at_1=correct / len(paths),
        outcome=outcome,
        tokens=sum(path.tokens for path in paths),
    )
    if outcome != "kept":
        return sampled, []
    chosen = [*list(right.values())[: settings.wanted_correct], *list(wrong.values())[: settings.wanted_incorrect]]
    return sampled, [_solution(problem, index, paths[index], sampled.pass_at_1) for index in sorted(chosen)]


def _solution(problem: Problem, index: int, path: Path, pass_at_1: float) -> Solution:
    return Solution(
        id=f"{problem.id}-{index}",
        problem_id=problem.id,
        problem=problem.problem,
        answer=problem.answer,
        steps=list(path.steps),
        final_answer=path.final_answer,
        correct=path.correct,
        pass_at_1=pass_at_1,
    )
