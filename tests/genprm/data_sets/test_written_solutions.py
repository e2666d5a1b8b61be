"""Solutions with steps, as text, and as a chat."""

from __future__ import annotations

from typing import Any

import pytest

from genprm.data_sets.rows import InputError
from genprm.data_sets.written_solutions import read_solution

TEXT = "<think>Hm.</think>\nStep 1: 2 + 3 = 5.\n\nStep 2: 5 + 4 = 9."
STEPS = ["Step 1: 2 + 3 = 5.", "Step 2: 5 + 4 = 9."]


def said(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


@pytest.mark.parametrize(
    ("row", "how"),
    [
        ({"problem": "2 + 3 + 4?", "steps": STEPS}, "given"),
        ({"question": "2 + 3 + 4?", "steps": STEPS, "solution": "something else"}, "given"),
        ({"problem": "2 + 3 + 4?", "solution": TEXT}, "headings"),
        ({"question": "2 + 3 + 4?", "steps": None, "solution": TEXT}, "headings"),
        ({"problem": None, "question": "2 + 3 + 4?", "steps": STEPS, "solution": None}, "given"),
        (
            {
                "messages": [said("user", "2 + 3 + 4?"), said("assistant", TEXT)],
                "steps": None,
                "solution": None,
                "problem": None,
            },
            "headings",
        ),
        (
            {
                "messages": [
                    said("user", "2 + 3 + 4?"),
                    {"role": "assistant", "content": None, "tool_calls": [{"type": "function"}]},
                    said("tool", "9"),
                    {"role": "assistant", "tool_calls": [{"type": "function"}]},
                    said("assistant", TEXT),
                ]
            },
            "headings",
        ),
        ({"messages": [said("system", "Add."), said("user", "2 + 3 + 4?"), said("assistant", TEXT)]}, "headings"),
        (
            {
                "messages": [
                    said("user", "Hello"),
                    said("assistant", "Hello."),
                    said("user", [{"type": "text", "text": "2 + 3 + 4?"}]),
                    said("assistant", [{"type": "text", "text": TEXT}]),
                    said("user", "Thanks"),
                ]
            },
            "headings",
        ),
    ],
)
def test_the_problem_and_the_steps(row: dict[str, Any], how: str) -> None:
    solution = read_solution(row, "line 1")
    assert (solution.problem, solution.steps, solution.split.how) == ("2 + 3 + 4?", STEPS, how)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"steps": STEPS}, "line 1: field 'problem' is missing, allowed: a non-empty string (found: steps)"),
        (
            {"problem": "a", "text": "b"},
            "line 1: field 'steps' is missing, allowed: 'steps', 'solution' or 'messages' (found: problem, text)",
        ),
        ({"problem": "a", "solution": 3}, "line 1: field 'solution' is 3, allowed: a non-empty string"),
        (
            {"problem": "a", "solution": "<think>so"},
            "line 1: field 'solution' is '<think>so': there is no solution in the text, "
            "allowed: text outside of <think>...</think>",
        ),
        ({"messages": "hello"}, "line 1: field 'messages' is 'hello', allowed: a list of messages"),
        (
            {"messages": [said("user", "a")]},
            "line 1: field 'messages' has turns of user, allowed: a turn of the user",
        ),
        (
            {"messages": [said("user", "a"), said("assistant", "b"), said("assistant", None)]},
            "line 1: field 'messages[2]' is {'role': 'assistant', 'content': None}, allowed: an object with role",
        ),
        ({"problem": "a", "steps": None}, "line 1: field 'steps' is missing, allowed: 'steps', 'solution' or"),
        ({"messages": ["a"]}, "line 1: field 'messages[0]' is 'a', allowed: an object with role and content"),
    ],
)
def test_a_row_that_is_none_is_named(row: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as refused:
        read_solution(row, "line 1")
    assert str(refused.value).startswith(message)
