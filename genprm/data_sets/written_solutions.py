"""Solutions as people have them: with steps, as text, or as a chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genprm.data_sets.chats import ASSISTANTS, USERS, read_turn
from genprm.data_sets.rows import InputError, bad_field, names, shown, text_field, texts_field
from genprm.splitting.free_text import AUTO, Split, SplitError, split_solution

PROBLEM = ("problem", "question")
"""Fields that hold a problem's text; the first one that a row has counts."""


@dataclass(frozen=True, slots=True)
class WrittenSolution:
    """A problem, and the steps of one solution of it with how they were told apart."""

    problem: str
    split: Split

    @property
    def steps(self) -> list[str]:
        """The steps in order."""
        return self.split.steps


def problem_column(row: Mapping[str, Any]) -> str:
    """The field of a row that holds the problem's text: the first of `PROBLEM` that it has."""
    return next((name for name in PROBLEM if name in row), PROBLEM[0])


def read_solution(row: Mapping[str, Any], where: str, how: str = AUTO) -> WrittenSolution:
    """The solution of a row: `{"problem", "steps"}`, `{"problem", "solution"}` or `{"messages"}`.

    The problem may be called `question`. Steps are taken as they are; text is split as `how` says
    (`genprm.splitting.free_text`). Of a chat the last turn of the assistant is the solution, and the user's turn
    before it the problem.

    Raises:
        InputError: none of these, a field that is wrong, or a text without a solution; one line says where.
    """
    if "messages" in row and "steps" not in row and "solution" not in row:
        return WrittenSolution(*_of_chat(row["messages"], where, how))
    problem = text_field(row, problem_column(row), where)
    if row.get("steps") is not None or "solution" not in row:
        if "steps" not in row:
            raise InputError(
                f"{where}: field 'steps' is missing, allowed: 'steps', 'solution' or 'messages' "
                f"(found: {names(row)})"
            )
        return WrittenSolution(problem, Split(texts_field(row, "steps", where)))
    return WrittenSolution(problem, _split(text_field(row, "solution", where), where, "solution", how))


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
    asked = [text for role, text in turns[: answered[-1]] if role in USERS] if answered else []
    if not asked:
        roles = names(role for role, _ in turns)
        raise InputError(
            f"{where}: field 'messages' has turns of {roles}, allowed: a turn of the user and behind it one of the "
            "assistant"
        )
    return asked[-1], _split(turns[answered[-1]][1], where, "messages", how)
