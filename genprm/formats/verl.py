"""verl's rows for reinforcement learning of a critic: a `prompt`, and the first wrong step as its ground truth.

FAPO and TIPS publish such sets. Steps stand between tags numbered from 0. The wording of the prompt is ours; a row
that was read keeps its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from genprm.data_sets.rows import InputError, bad_field, json_object, required, text_field, whole_field
from genprm.formats.base import LabelledSolution, not_rebuilt, one_per_row, other_fields
from genprm.records import NO_ERROR

PROMPT = (
    "Check a solution of a math problem. Its paragraphs stand between tags and are numbered from 0.\n\n"
    "[Math Problem]\n\n{problem}\n\n[Solution]\n\n{solution}\n\n"
    "Go through the paragraphs in order and look for the first one that contains a mistake. Put its number in "
    "\\boxed{{}}, or -1 if there is no mistake."
)
_PARAGRAPH = re.compile(r"<paragraph_(\d+)>\n(.*?)\n</paragraph_\1>", re.DOTALL)
_PROBLEM = re.compile(r"\[Math Problem\]\n\n(.*?)\n\n\[", re.DOTALL)


def _read(where: str, row: Mapping[str, Any]) -> LabelledSolution:
    asked = _asked(row, where)
    steps = [text for _, text in _PARAGRAPH.findall(asked)]
    if not steps:
        raise InputError(f"{where}: field 'prompt' has no <paragraph_0>, allowed: steps between numbered tags")
    model = json_object(required(row, "reward_model", where, "an object"), f"{where}: field 'reward_model'")
    allowed = f"a step index below {len(steps)}, or {NO_ERROR} (no error)"
    label = whole_field(model, "ground_truth", where, NO_ERROR, len(steps) - 1, allowed)
    labels = [1] * len(steps) if label == NO_ERROR else [1] * label + [0]
    solution = LabelledSolution(_problem(row, asked, where), steps, labels)
    solution.further.update(not_rebuilt(row, _write(solution)))
    return solution


def _asked(row: Mapping[str, Any], where: str) -> str:
    """The text of the last message of the prompt."""
    messages = required(row, "prompt", where, "a list of messages")
    if not isinstance(messages, list) or not messages:
        raise bad_field(where, "prompt", messages, "a list of messages")
    return text_field(json_object(messages[-1], f"{where}: field 'prompt'"), "content", where)


def _problem(row: Mapping[str, Any], asked: str, where: str) -> str:
    extra = row.get("extra_info")
    if isinstance(extra, Mapping) and extra.get("question"):
        return text_field(extra, "question", where)
    found = _PROBLEM.search(asked)
    if found is None:
        raise InputError(
            f"{where}: no problem, allowed: field 'extra_info.question', or [Math Problem] in the prompt"
        )
    return found[1]


def _write(solution: LabelledSolution) -> dict[str, Any]:
    steps = solution.decided_steps
    tagged = "\n\n".join(f"<paragraph_{at}>\n{step}\n</paragraph_{at}>" for at, step in enumerate(steps))
    content = PROMPT.format(problem=solution.problem, solution=tagged)
    built = {
        "data_source": "genprm",
        "prompt": [{"role": "user", "content": content}],
        "reward_model": {"style": "rule", "ground_truth": solution.first_error},
        "extra_info": {"question": solution.problem, "split": "train", "total_steps": len(steps)},
    }
    return {**built, **solution.further, **_not_kept(solution, built)}


def _not_kept(solution: LabelledSolution, built: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `built` that replace the row's own, because the row's no longer fit the solution."""
    kept, changed = solution.further, dict[str, Any]()
    extra = kept["extra_info"] if isinstance(kept.get("extra_info"), Mapping) else {}
    question = extra.get("question") or solution.problem
    if "prompt" in kept and not _prompts(kept["prompt"], solution, extra.get("question")):
        changed["prompt"] = built["prompt"]
    if "extra_info" in kept and (changed or question != solution.problem):
        ours = other_fields(built["extra_info"], "split")
        changed["extra_info"] = {name: ours.get(name, value) for name, value in extra.items()}
    model = kept.get("reward_model", built["reward_model"])
    truth = model.get("ground_truth") if isinstance(model, Mapping) else None
    if truth not in (solution.first_error, str(solution.first_error)):
        changed["reward_model"] = built["reward_model"]
    return changed


def _prompts(prompt: Any, solution: LabelledSolution, question: Any) -> bool:
    """Whether a prompt asks about this problem and these steps."""
    last = prompt[-1] if isinstance(prompt, list) and prompt else None
    text = last.get("content") if isinstance(last, Mapping) else None
    if not isinstance(text, str):
        return False
    steps = [step for _, step in _PARAGRAPH.findall(text)]
    return steps == solution.decided_steps and (question == solution.problem or solution.problem in text)


VERL = one_per_row(_read, _write)
