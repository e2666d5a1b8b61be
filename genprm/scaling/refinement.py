"""Refinement with a critic: the policy rewrites what a judge found wrong, turn by turn (paper 5.3 and table 2)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, TypeVar

from genprm.domains.base import Domain, Grader
from genprm.engines.base import Engine
from genprm.journal import Codec, Journal, finish
from genprm.records import Message, SampledSolution
from genprm.scaling.critics import Critic, Critique
from genprm.seeds import derived_seed
from genprm.settings import RefinementSettings
from genprm.steps import sampling_of, step_prefill
from genprm.tables import record_codec

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One solution of a problem: the first (turn 0), or what the policy made of a critique of the one before.

    `steps` is empty when the text was not a numbered solution. `policy_tokens` were spent on writing it, including
    those of the prompt (`policy_prompt_tokens`); `critic_tokens` were spent on judging it.
    """

    turn: int
    steps: tuple[str, ...]
    final_answer: str | None
    correct: bool
    critique: Critique | None
    policy_tokens: int
    critic_tokens: int
    policy_prompt_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Refinement:
    """A problem and the attempts so far. The reference `answer` only grades; neither critic nor policy sees it.

    It ends after the last turn, when the critic finds nothing wrong, or when the policy's text is not a numbered
    solution (an attempt without steps, which is not right).
    """

    case_id: str
    problem: str
    answer: str
    attempts: tuple[Attempt, ...]

    @property
    def last(self) -> Attempt:
        """The latest attempt."""
        return self.attempts[-1]

    def awaits_critique(self, turns: int) -> bool:
        """Whether the latest attempt is to be judged."""
        return self.last.critique is None and bool(self.last.steps) and self.last.turn < turns

    @property
    def awaits_rewrite(self) -> bool:
        """Whether a critic has found the latest attempt wrong."""
        return self.last.critique is not None and self.last.critique.step is not None

    def with_critique(self, critique: Critique) -> Refinement:
        """Add a critique to the latest attempt."""
        judged = replace(self.last, critique=critique, critic_tokens=critique.tokens)
        return replace(self, attempts=(*self.attempts[:-1], judged))

    def with_attempt(self, attempt: Attempt) -> Refinement:
        """Add an attempt of the policy."""
        return replace(self, attempts=(*self.attempts, attempt))


async def criticise(refinement: Refinement, critic: Critic) -> Critique:
    """What a critic finds wrong with the latest attempt.

    Raises:
        EngineError, SandboxError: as raised by the critic.
    """
    last = refinement.last
    return await critic(f"{refinement.case_id}@{last.turn}", refinement.problem, last.steps)


async def rewrite(refinement: Refinement, policy: Engine, settings: RefinementSettings, grader: Grader) -> Attempt:
    """What the policy makes of the critique of the latest attempt, graded.

    Raises:
        ValueError: there is no critique, or it finds nothing wrong.
        EngineError: as raised by the policy.
    """
    last = refinement.last
    if last.critique is None or last.critique.step is None:
        raise ValueError(f"case {refinement.case_id!r}: nothing was found wrong, so nothing is to be rewritten")
    messages = refinement_messages(settings, refinement.problem, last.steps, last.critique)
    kept = last.steps[: last.critique.step] if settings.keep_steps else ()
    prefill = step_prefill(grader.steps, kept)
    seed = derived_seed(settings.seed, "refine", refinement.case_id, last.turn)
    (completion,) = await policy.complete(policy.render(messages, prefill), sampling_of(settings.sampling, seed))
    steps = grader.steps.split(prefill + completion.text) if completion.finish_reason == "stop" else None
    tokens = completion.tokens + completion.prompt_tokens
    found = grader.answers.extract(steps[-1]) if steps else None
    correct = await grader.answers.same(refinement.answer, found)
    return Attempt(last.turn + 1, tuple(steps or ()), found, correct, None, tokens, 0, completion.prompt_tokens)


class Workshop(Protocol):
    """Opens critics and the policy, in turns: one engine may have to be closed before the other can be opened."""

    def critic(self, name: str) -> tuple[str, Critic]:
        """A critic, and what identifies its weights."""

    def policy(self) -> tuple[str, Engine]:
        """The policy, and what identifies its weights."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end on the loop that the engines live on."""


Key = Callable[[str, str, Refinement], str]
"""Makes a journal key from "critique" or "rewrite", the version of the weights that make it, and the refinement
whose latest attempt it is about."""


@dataclass(frozen=True, slots=True)
class Refiner:
    """Refines many solutions under several critics, one phase at a time: in each turn the critiques of one critic
    after the other, then all rewrites. Finished work is kept in the journal, under keys that `key` makes."""

    settings: RefinementSettings
    domain: Domain
    workshop: Workshop
    journal: Journal
    key: Key

    def phases(self, critics: int) -> int:
        """The number of phases in all turns, with this number of critics."""
        return self.settings.turns * (critics + 1)

    def refine(
        self,
        critics: Sequence[str],
        first: Sequence[Refinement],
        advance: Callable[[int], None] = lambda phases: None,
    ) -> dict[str, list[Refinement]]:
        """Refine every solution under every critic, to the end of the last turn. `advance(1)` is called after each
        phase; there are `phases(len(critics))`.

        Raises:
            EngineError, SandboxError: as raised by critics and policy.
        """
        refined = {critic: list(first) for critic in critics}
        for _ in range(self.settings.turns):
            for critic in refined:
                refined[critic] = self._criticise(critic, refined[critic])
                advance(1)
            refined = self._rewrite(refined)
            advance(1)
        return refined

    def _criticise(self, name: str, cases: Sequence[Refinement]) -> list[Refinement]:
        due = [case for case in cases if case.awaits_critique(self.settings.turns)]
        if not due:
            return list(cases)
        version, critic = self.workshop.critic(name)
        keys = [self.key("critique", version, case) for case in due]
        made = self.workshop.run(finish(self.journal, keys, lambda n: criticise(due[n], critic), _CRITIQUES))
        found = dict(zip((case.case_id for case in due), made, strict=True))
        return [case.with_critique(found[case.case_id]) if case.case_id in found else case for case in cases]

    def _rewrite(self, refined: Mapping[str, Sequence[Refinement]]) -> dict[str, list[Refinement]]:
        due = [(critic, case) for critic, cases in refined.items() for case in cases if case.awaits_rewrite]
        if not due:
            return {critic: list(cases) for critic, cases in refined.items()}
        version, policy = self.workshop.policy()
        keys = [self.key("rewrite", version, case) for _, case in due]

        async def all_of_them() -> list[Attempt]:
            with self.domain.grader() as grader:
                return await finish(
                    self.journal, keys, lambda n: rewrite(due[n][1], policy, self.settings, grader), _ATTEMPTS
                )

        made = self.workshop.run(all_of_them())
        found = {(critic, case.case_id): attempt for (critic, case), attempt in zip(due, made, strict=True)}
        return {
            critic: [
                case.with_attempt(found[critic, case.case_id]) if (critic, case.case_id) in found else case
                for case in cases
            ]
            for critic, cases in refined.items()
        }


def begin(row: SampledSolution, answer: str) -> Refinement:
    """Begin the refinement of a sampled candidate, which keeps its grade; `answer` is the reference."""
    first = Attempt(0, tuple(row.steps), row.final_answer, row.correct, None, 0, 0)
    return Refinement(row.id, row.problem, answer, (first,))


_ATTEMPTS = record_codec(Attempt)
_CRITIQUES: Codec[Critique] = Codec(list, lambda value: Critique(*value))


def refinement_messages(
    settings: RefinementSettings, problem: str, steps: Sequence[str], critique: Critique
) -> list[Message]:
    """The chat that asks for a rewrite.

    Raises:
        ValueError: a critique that finds nothing wrong.
    """
    if critique.step is None:
        raise ValueError("a critique that finds nothing wrong asks for no rewrite")
    solution = "\n\n".join(steps)
    parts = {
        "problem": problem,
        "solution": solution,
        "number": str(critique.step + 1),
        "step": steps[critique.step],
        "quoted_step": "\n".join(f"> {line}" for line in steps[critique.step].splitlines()),
        "critique": critique.text,
    }
    messages = [] if settings.system is None else [Message("system", settings.system)]
    if settings.opening is not None:
        messages += [Message("user", _filled(settings.opening, parts)), Message("assistant", solution)]
    return [*messages, Message("user", _filled(settings.request, parts))]


def _filled(template: str, parts: dict[str, str]) -> str:
    """Fill the named parts into a template; other braces (LaTeX is full of them) stay as they are."""
    pieces = template.split("{")
    filled = pieces[0]
    for piece in pieces[1:]:
        name, closed, rest = piece.partition("}")
        filled += parts[name] + rest if closed and name in parts else "{" + piece
    return filled


class TurnScore(NamedTuple):
    """All problems after a turn: accuracy in percent; how many answers turned from right to wrong and from wrong to
    right in this turn; mean tokens spent per problem so far, by the policy and by the critic.
    """

    turn: int
    accuracy: float
    made_wrong: int
    made_right: int
    policy_tokens: float
    critic_tokens: float


def score_turns(cases: Sequence[Sequence[Attempt]], turns: int) -> list[TurnScore]:
    """Accuracy after each turn. A problem whose refinement ended keeps its last attempt.

    Raises:
        ValueError: no cases.
    """
    if not cases:
        raise ValueError("no refined problems to score; at least one is needed")
    scores = []
    before = [attempts[0].correct for attempts in cases]
    for turn in range(turns + 1):
        now = [attempts[min(turn, len(attempts) - 1)].correct for attempts in cases]
        spent = [attempts[: turn + 1] for attempts in cases]
        scores.append(
            TurnScore(
                turn=turn,
                accuracy=100.0 * sum(now) / len(cases),
                made_wrong=sum(was and not stays for was, stays in zip(before, now, strict=True)),
                made_right=sum(stays and not was for was, stays in zip(before, now, strict=True)),
                policy_tokens=sum(one.policy_tokens for attempts in spent for one in attempts) / len(cases),
                # The critique of the attempt of this turn belongs to the next turn.
                critic_tokens=sum(one.critic_tokens for attempts in spent for one in attempts[:turn]) / len(cases),
            )
        )
        before = now
    return scores


@dataclass(frozen=True, slots=True)
class RefinedAttempt:
    """One attempt at a problem under one critic. `blamed` is the 0-based step that the critic calls wrong, None
    where it calls none wrong or was not asked; `critique` is what it says about it. Tokens are generated and read.
    """

    critic: str
    problem_id: str
    solution_id: str
    turn: int
    steps: list[str]
    final_answer: str | None
    correct: bool
    blamed: int | None
    critique: str
    policy_tokens: int
    critic_tokens: int
