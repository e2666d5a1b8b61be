"""Solutions as people have them: with steps, as text, or as a chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genprm.data_sets.chats import ASSISTANTS, USERS, read_turn, turn_text
from genprm.data_sets.rows import InputError, bad_field, first_given, names, shown, text_field, texts_field
from genprm.splitting.free_text import AUTO, Split, SplitError, split_solution

PROBLEM = ("problem", "question")
"""Fields that hold a problem's text; the first one that a row has counts."""


@dataclass(frozen=True, slots=True)
class WrittenSolution:
    """A problem and one solution of it: the steps, and how they were split."""

    problem: str
    split: Split

    @property
    def steps(self) -> list[str]:
        """The steps in order."""
        return self.split.steps


def problem_column(row: Mapping[str, Any]) -> str:
    """The field of a row that holds the problem's text: the first of `PROBLEM` that it has and that is not null."""
    return first_given(row, PROBLEM)


def read_solution(row: Mapping[str, Any], where: str, how: str = AUTO) -> WrittenSolution:
    """The solution of a row: `{"problem", "steps"}`, `{"problem", "solution"}` or `{"messages"}`.

    The problem may be called `question`. Steps are taken as they are; text is split as `how` says
    (`genprm.splitting.free_text`). In a chat, the last turn of the assistant is the solution, and the user's turn
    before it is the problem. A field that is null counts as absent.

    Raises:
        InputError: none of these, a field that is wrong, or a text without a solution; one line says where.
    """
    given = {name: value for name, value in row.items() if value is not None}
    if "messages" in given and "steps" not in given and "solution" not in given:
        return WrittenSolution(*_of_chat(given["messages"], where, how))
    problem = text_field(given, problem_column(given), where)
    if "steps" in given:
        return WrittenSolution(problem, Split(texts_field(given, "steps", where)))
    if "solution" in given:
        return WrittenSolution(problem, _split(text_field(given, "solution", where), where, "solution", how))
    raise InputError(
        f"{where}: field 'steps' is missing, allowed: 'steps', 'solution' or 'messages' (found: {names(given)})"
    )


def _split(text: str, where: str, field: str, how: str) -> Split:
    try:
        return split_solution(text, how)
    except SplitError as error:
        raise InputError(f"{where}: field {field!r} is {shown(text)}: {error}") from None


def _of_chat(messages: Any, where: str, how: str) -> tuple[str, Split]:
    if not isinstance(messages, Sequence) or isinstance(messages, str):
        raise bad_field(where, "messages", messages, "a list of messages with role and content")
    turns = [read_turn(message, index, where) for index, message in enumerate(messages)]
    answered = [index for index, (role, _) in enumerate(turns) if role in ASSISTANTS]
    asked = [index for index in range(answered[-1]) if turns[index][0] in USERS] if answered else []
    if not asked:
        roles = names(role for role, _ in turns)
        raise InputError(
            f"{where}: field 'messages' has turns of {roles}, allowed: a turn of the user and behind it one of the "
            "assistant"
        )
    problem, solution = (turn_text(messages[index], index, where) for index in (asked[-1], answered[-1]))
    return problem, _split(solution, where, "messages", how)
