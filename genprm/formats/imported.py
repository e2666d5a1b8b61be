"""A third-party set as the start of a run: its problems, its labelled solutions, its training examples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from genprm.data_sets.own import imported_rows
from genprm.data_sets.rows import InputError
from genprm.formats.base import LabelledSolution, format_named, read_rows
from genprm.modes import Mode
from genprm.records import (
    NO_ERROR,
    FilterDecision,
    Message,
    Problem,
    Provenance,
    Rationale,
    Solution,
    StepLabels,
    StepVerification,
    TrainingExample,
    Verification,
)
from genprm.reward_models.think_prm import OPENING, QUESTION, STOPS, THOUGHT_END, question
from genprm.settings import ImportedSet
from genprm.verification.conversation import VERDICT_LEAD, VERDICT_TAIL, parse_turn

_RICHEST_FIRST = (Mode.FULL, Mode.COT, Mode.CODE, Mode.DIRECT)
_THOUGHT = "<think>"


@dataclass(frozen=True, slots=True)
class ImportedExamples:
    """What can be trained on: `rationales` whose turns all have the blocks of `mode`, and `chains` for ThinkPRM.

    A set with labels only gives rationales that consist of verdicts alone. `left_out` counts solutions whose turns
    lack a block that others have.
    """

    rationales: list[Rationale]
    mode: Mode
    chains: list[TrainingExample]
    left_out: int

    def decisions(self) -> list[FilterDecision]:
        """Decisions that keep every solution: the authors of the set have filtered it already."""
        return [
            FilterDecision(row.solution_id, True, "agree", row.judged_first_error, row.judged_first_error)
            for row in self.rationales
        ]


def imported_solutions(source: ImportedSet) -> list[tuple[str, LabelledSolution]]:
    """The labelled solutions of a set with ids; each labelled alternative becomes a solution that ends with it.

    Raises:
        InputError: the set cannot be loaded, or a row is not of its format.
    """
    solutions = [
        (f"{row}-{index}-{number}", one)
        for row, found in enumerate(read_rows(format_named(source.format), imported_rows(source)))
        for index, solution in enumerate(found)
        for number, one in enumerate(solution.expanded())
    ]
    if not solutions:
        raise InputError(f"{source.data}: no labelled solution in it, allowed: at least one")
    return solutions


def imported_problems(source: ImportedSet) -> list[Problem]:
    """The problems of a set, each once. Their answers are not known, and nothing is sampled for them.

    Raises:
        InputError: as `imported_solutions`.
    """
    ids = _problem_ids(solution for _, solution in imported_solutions(source))
    return [Problem(name, text, "", source.format) for text, name in ids.items()]


def _problem_ids(solutions: Iterable[LabelledSolution]) -> dict[str, str]:
    """The id of each distinct problem by its text."""
    texts = dict.fromkeys(solution.problem for solution in solutions)
    return {text: f"imported-{number}" for number, text in enumerate(texts)}


def imported_labels(source: ImportedSet) -> list[tuple[Solution, StepLabels]]:
    """The solutions of a set, cut behind their last labelled step, with the labels.

    A solution is correct where none of its steps is labelled wrong. Its answer is not known; `pass_at_1` is 0 where
    the set does not have it.

    Raises:
        InputError: as `imported_solutions`.
    """
    solutions = imported_solutions(source)
    ids = _problem_ids(solution for _, solution in solutions)
    return [_labelled(name, ids[solution.problem], solution, source.format) for name, solution in solutions]


def _labelled(
    name: str, problem_id: str, solution: LabelledSolution, format_name: str
) -> tuple[Solution, StepLabels]:
    correct = solution.first_error == NO_ERROR
    pass_at_1 = solution.pass_at_1 or 0.0
    row = Solution(name, problem_id, solution.problem, "", solution.labelled_steps, None, correct, pass_at_1)
    return row, StepLabels(name, format_name, 0.0, [], list(solution.labels), solution.first_error)


def imported_examples(source: ImportedSet, modes: Sequence[Mode]) -> ImportedExamples:
    """The training examples of a set for models of `modes`.

    Raises:
        InputError: as `imported_solutions`, or its turns lack a block of a mode.
    """
    solutions = imported_solutions(source)
    rationales = [_rationale(name, solution, source.format) for name, solution in solutions]
    found = [_mode(rationale) for rationale in rationales]
    mode = next(one for one in _RICHEST_FIRST if one in found)
    wanted = [one for one in modes if not mode.contains(one)]
    if wanted:
        raise InputError(
            f"training.modes asks for {', '.join(wanted)}, allowed for what training.source holds: "
            f"{', '.join(mode.contained())}"
        )
    whole = [rationale for rationale, its in zip(rationales, found, strict=True) if its.contains(mode)]
    chains = [_chain(name, solution) for name, solution in solutions if _is_chain(solution)]
    return ImportedExamples(whole, mode, chains, len(rationales) - len(whole))


def _rationale(name: str, solution: LabelledSolution, format_name: str) -> Rationale:
    turns = solution.turns or [_verdict(label) for label in solution.labels]
    verification = Verification(
        id=name,
        path=0,
        mode=Mode.DIRECT,
        steps=[_step(turn, label) for turn, label in zip(turns, solution.labels, strict=True)],
        prompt_tokens=0,
        tokens=0,
        provenance=Provenance("imported", format_name, "none"),
        spellings=[],
    )
    return Rationale(name, solution.problem, solution.labelled_steps, solution.first_error, verification)


def _verdict(label: int) -> str:
    return f"{VERDICT_LEAD}{'Yes' if label else 'No'}{VERDICT_TAIL}"


def _step(turn: str, label: int) -> StepVerification:
    parsed = parse_turn(turn)
    return StepVerification(
        text=turn,
        analysis=parsed.analysis,
        code=parsed.code,
        output=parsed.output,
        reward=float(label),
        verdict="Yes" if label else "No",
        forced=False,
        executions=[],
        tokens=0,
    )


def _mode(rationale: Rationale) -> Mode:
    """The richest mode whose blocks all turns of a rationale have."""
    steps = rationale.verification.steps
    analysis, code = all(step.analysis for step in steps), all(step.code for step in steps)
    return {(True, True): Mode.FULL, (True, False): Mode.COT, (False, True): Mode.CODE}.get(
        (analysis, code), Mode.DIRECT
    )


def _is_chain(solution: LabelledSolution) -> bool:
    """Whether there is a verification of the whole solution, with no stop string inside that would end it early."""
    return bool(solution.chain) and not any(stop in _thought(solution.chain) for stop in STOPS)


def _thought(chain: str) -> str:
    """The thought of a chain, without tags and without `OPENING`, which models are given as their first words."""
    return chain.partition(THOUGHT_END)[0].removeprefix(_THOUGHT).strip().removeprefix(OPENING.strip()).strip()


def _chain(name: str, solution: LabelledSolution) -> TrainingExample:
    answer = f"{OPENING} {_thought(solution.chain)}{QUESTION}{' No' if 0 in solution.labels else ' Yes'}"
    asked = question(solution.problem, solution.steps)
    return TrainingExample(name, [Message("user", asked), Message("assistant", answer)])
