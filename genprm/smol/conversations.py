"""Training conversations: solutions judged up to the first wrong step, with the real output of the code.

A conversation equals, to the last character, the one that the verifier has on the same solution at inference. Its
labels are known from how its steps were made; if the output of the code contradicts them, this program is wrong.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from genprm.modes import Mode
from genprm.records import NO_ERROR, TrainingExample
from genprm.sandbox.base import Sandbox, Session
from genprm.settings import TurnFormat
from genprm.smol.arithmetic import calculation_parts
from genprm.smol.mistakes import KINDS, Kind, Place, mistaken, results_before
from genprm.smol.rationales import Check, analysis, checking_code, verdict_of_output
from genprm.smol.recipe import Recipe
from genprm.smol.sources import Result, origin
from genprm.smol.steps import cut_off, framed, step_sizes
from genprm.smol.wording import Wording, draw_wording
from genprm.smol.worked import WorkedSentence, WorkedSolution
from genprm.verification.conversation import (
    ANALYZE_CLOSE,
    CODE_CLOSE,
    VERDICT_LEAD,
    VERDICT_TAIL,
    analyze_prefill,
    conversation_messages,
    output_block,
    verify_prefill,
)

_SHARES: dict[Kind, int] = {"arithmetic": 2, "operand": 3, "operation": 3, "omission": 3, "unit": 1}
"""Weights for the draw of the kind that is tried first. Few calculations have a number that can be left out."""


@dataclass(frozen=True, slots=True)
class JudgedSteps:
    """The first steps of a solution as they are claimed; the last one is wrong where there is a `mistake`.

    `claimed` are their sentences: the first ones of `solution`, of which the last may have been changed into a
    mistake; `sizes` is the number of sentences in each step.
    """

    solution: WorkedSolution
    claimed: tuple[WorkedSentence, ...]
    sizes: tuple[int, ...]
    mistake: Kind | None
    wording: Wording

    @property
    def first_error(self) -> int:
        """0-based index of the wrong step, -1 if there is none."""
        return NO_ERROR if self.mistake is None else len(self.sizes) - 1

    @property
    def texts(self) -> list[str]:
        """The steps as text."""
        return [
            self.wording.step_text(self.claimed[begin:end], number)
            for number, (begin, end) in enumerate(self._spans(), 1)
        ]

    @property
    def checks(self) -> list[list[Check]]:
        """For each step its calculations, with the ones needed in their place and the results of earlier ones."""
        earlier: list[Result] = []
        checks = []
        for number, (begin, end) in enumerate(self._spans(), 1):
            here: list[Check] = []
            for sentence, right in zip(self.claimed[begin:end], self.solution.sentences[begin:end], strict=True):
                if sentence.calculation is None or right.calculation is None:
                    continue
                before = [Result(check.claimed.shown, "this step") for check in here]
                here.append(Check(right.calculation, sentence.calculation, (*earlier, *before)))
            earlier += [Result(check.claimed.shown, f"step {number}") for check in here]
            checks.append(here)
        return checks

    def _spans(self) -> list[tuple[int, int]]:
        ends = list(accumulate(self.sizes))
        return list(zip([0, *ends], ends, strict=False))


def suitable(solutions: Iterable[WorkedSolution], recipe: Recipe) -> list[WorkedSolution]:
    """Solutions that are short enough and in which every number has an origin (`sources.origin`).

    A number from nowhere is then a sign of a wrong step, which a model can learn to see.
    """
    return [
        solution
        for solution in solutions
        if len(solution.sentences) <= recipe.most_sentences
        and len(solution.problem) <= recipe.longest_problem
        and all(_is_founded(solution, index) for index in range(len(solution.sentences)))
    ]


def _is_founded(solution: WorkedSolution, index: int) -> bool:
    calculation = solution.sentences[index].calculation
    if calculation is None:
        return True
    numbers = [part for part in calculation_parts(calculation.expression) if part[-1].isdigit()]
    results = results_before(solution, index)
    return all(origin(number, solution.problem, results) is not None for number in numbers)


def draw_judged(
    solutions: Sequence[WorkedSolution], count: int, recipe: Recipe, part: str = "training"
) -> Iterator[JudgedSteps]:
    """`count` solutions with and without mistakes; a smaller `count` gives the first of the same solutions.

    Raises:
        ValueError: there are no solutions.
    """
    if not solutions:
        raise ValueError("solutions is empty; at least one is needed")
    rng = random.Random(f"smol {recipe.seed} {part}")
    drawn: list[WorkedSolution] = []
    for _ in range(count):
        if not drawn:
            drawn = rng.sample(solutions, len(solutions))
        yield _draw(rng, drawn.pop(), recipe)


def _draw(rng: random.Random, worked: WorkedSolution, recipe: Recipe) -> JudgedSteps:
    wording = draw_wording(rng)
    solution = framed(rng, worked)
    sizes = step_sizes(rng, solution, recipe)
    if rng.random() < recipe.wrong_share:
        places = [index for index, one in enumerate(solution.sentences) if one.calculation is not None]
        rng.shuffle(places)
        for kind in _in_order(rng):
            for index in places:
                wrong = mistaken(rng, Place(solution, index), kind)
                if wrong is not None:
                    claimed = (*solution.sentences[:index], wrong)
                    return JudgedSteps(solution, claimed, cut_off(sizes, len(claimed)), kind, wording)
    return JudgedSteps(solution, solution.sentences, sizes, None, wording)


def _in_order(rng: random.Random) -> list[Kind]:
    """All kinds, the one to be tried first drawn by its share (Efraimidis and Spirakis 2006)."""
    return sorted(KINDS, key=lambda kind: rng.random() ** (1 / _SHARES[kind]), reverse=True)


async def judged_turns(judged: JudgedSteps, session: Session, turn_format: TurnFormat) -> list[str]:
    """The assistant's turns on the steps.

    Raises:
        ValueError: the output of a step's code contradicts what is known of the step.
        SandboxError: as raised by the session.
    """
    turns = []
    for index, checks in enumerate(judged.checks):
        code = checking_code(checks)
        output = (await session.run(code)).output
        verdict = verdict_of_output(output)
        if (verdict == "No") != (index == judged.first_error):
            raise ValueError(f"problem {judged.solution.id}, step {index + 1}: its code printed {output!r}")
        said = analysis(checks, judged.solution.problem)
        turns.append(
            f"{analyze_prefill(turn_format, index + 1)}{said}\n{ANALYZE_CLOSE}\n"
            f"{verify_prefill(turn_format)}{code}{CODE_CLOSE}{output_block(output)}</verify>\n"
            f"{VERDICT_LEAD}{verdict}{VERDICT_TAIL}"
        )
    return turns


async def conversations(
    judged: Iterable[JudgedSteps], sandbox: Sandbox, turn_format: TurnFormat
) -> list[TrainingExample]:
    """A conversation for each of the judged solutions, each with an interpreter of its own.

    Raises:
        ValueError, SandboxError: as `judged_turns`.
    """
    examples = []
    for number, one in enumerate(judged):
        session = sandbox.session()
        try:
            turns = await judged_turns(one, session, turn_format)
        finally:
            await session.close()
        messages = conversation_messages(turn_format, one.solution.problem, one.texts, turns, Mode.FULL)
        examples.append(TrainingExample(f"{number}-{one.solution.id}-{one.mistake or 'right'}", messages))
    return examples
