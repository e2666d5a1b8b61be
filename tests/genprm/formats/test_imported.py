"""What a set of others becomes when models are trained on it."""

import json
from pathlib import Path
from typing import Any

import pytest

from genprm.consensus import training_examples
from genprm.data_sets.rows import InputError
from genprm.formats.imported import ImportedExamples, imported_examples, imported_labels, imported_problems
from genprm.modes import Mode
from genprm.profiles import build_profile
from genprm.records import Message
from genprm.settings import FilterSettings, ImportedSet, SettingsError, TurnFormat
from genprm.training.discriminative_data import labelled_solutions
from tests.genprm.composed_turn import CodeRound, compose_turn

LABELS = {"prompt": "1 + 1?", "completions": ["Step 1: 2.", "Step 2: So 3.", "Step 3: Or 4."]}
WORDING = TurnFormat()


def source(tmp_path: Path, format_name: str, *rows: Any) -> ImportedSet:
    file = tmp_path / "theirs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ImportedSet(data=str(file), format=format_name)


def conversation(*turns: str) -> dict[str, Any]:
    messages = []
    for number, turn in enumerate(turns, start=1):
        step = f"Step {number}: it is 2."
        asked = f"Question: 1 + 1?\n\n{step}" if number == 1 else step
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": turn}]
    return {"conversations": messages}


def turn(number: int, verdict: Any, *, code: bool = True) -> str:
    rounds = [CodeRound("print(1 + 1)", "2")] if code else []
    return compose_turn(WORDING, number, "It adds.", rounds, verdict)


def messages(examples: ImportedExamples, mode: Mode) -> list[list[Message]]:
    made = training_examples(examples.rationales, examples.decisions(), FilterSettings(), WORDING, mode)
    return [example.messages for example in made]


def test_labels_become_verdicts_up_to_the_first_wrong_step(tmp_path: Path) -> None:
    examples = imported_examples(
        source(tmp_path, "trl-stepwise", {**LABELS, "labels": [True, False, True]}), [Mode.DIRECT]
    )
    [chat] = messages(examples, Mode.DIRECT)
    assert [message.content for message in chat] == [
        "Question: 1 + 1?\n\nStep 1: 2.",
        "<output>\n**Judgement**: $\\boxed{Yes}$\n</output>\n",
        "Step 2: So 3.",
        "<output>\n**Judgement**: $\\boxed{No}$\n</output>\n",
    ]
    made = training_examples(examples.rationales, examples.decisions(), FilterSettings(), WORDING, Mode.DIRECT)
    assert [one.labels for one in labelled_solutions(examples.rationales, made)] == [[1, 0]]


def test_conversations_come_back_as_they_were(tmp_path: Path) -> None:
    row = conversation(turn(1, "Yes"), turn(2, "No"))
    examples = imported_examples(source(tmp_path, "genprm-math", row), [Mode.FULL, Mode.COT])
    assert messages(examples, Mode.FULL) == [[Message(**message) for message in row["conversations"]]]
    assert "python" not in messages(examples, Mode.COT)[0][1].content


def test_a_conversation_that_lacks_a_block_is_left_out_and_counted(tmp_path: Path) -> None:
    rows = [conversation(turn(1, "Yes")), conversation(turn(1, "No", code=False))]
    examples = imported_examples(source(tmp_path, "genprm-math", *rows), [Mode.FULL])
    assert (examples.mode, len(examples.rationales), examples.left_out) == (Mode.FULL, 1, 1)


def test_a_mode_that_the_set_cannot_teach_is_refused(tmp_path: Path) -> None:
    labels = source(tmp_path, "trl-stepwise", {**LABELS, "labels": [True, True, True]})
    with pytest.raises(InputError, match=r"asks for full, cot, allowed for what training\.source holds: direct"):
        imported_examples(labels, [Mode.FULL, Mode.COT, Mode.DIRECT])


def test_chains_are_for_thinkprm(tmp_path: Path) -> None:
    chain = "<think>\nStep 1: fine. \\boxed{correct}\nStep 2: no. \\boxed{incorrect}\n</think>\nno"
    row = {"problem": "1 + 1?", "prefix": "Step 1: 2.\nStep 2: So 3.", "cot": chain}
    [example] = imported_examples(source(tmp_path, "thinkprm", row), [Mode.DIRECT]).chains
    answer = example.messages[1].content
    assert answer.startswith("\nLet's verify step by step: Step 1: fine.")
    assert answer.endswith("\\boxed{incorrect}\nIs the solution correct? No")


def test_problems_come_once(tmp_path: Path) -> None:
    rows = [{**LABELS, "labels": [True, True, True]}] * 2
    assert [problem.problem for problem in imported_problems(source(tmp_path, "trl-stepwise", *rows))] == ["1 + 1?"]


def test_prm800k_is_a_source_with_its_alternatives(data_dir: Path) -> None:
    file = data_dir / "step-label-samples/openr_prm800k.jsonl"
    examples = imported_examples(ImportedSet(data=str(file), format="prm800k"), [Mode.DIRECT])
    # 6 solutions, and 31 completions that were rated and not gone on from.
    assert len(examples.rationales) == 37
    assert len({rationale.solution_id for rationale in examples.rationales}) == 37


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"source": {"format": "x"}}, "format is 'x', allowed: trl-stepwise, math-shepherd"),
        ({"source": {"data": "a.jsonl"}, "variants": ["main", "hard"]}, "variants is .*'main'"),
    ],
)
def test_a_wrong_source_is_refused(training: dict[str, Any], message: str) -> None:
    labels = {"variants": {"hard": {"estimator": "hard"}}}
    with pytest.raises(SettingsError, match=message):
        build_profile({"name": "x", "labels": labels, "training": training})


def test_labelled_solutions_end_where_their_labels_do(tmp_path: Path) -> None:
    """ProcessBench says nothing of what follows the first error."""
    row = {"id": "x", "generator": "g", "problem": "p", "steps": ["a", "b", "c"], "final_answer_correct": False}
    rows = [{**row, "label": 1}, {**row, "label": -1}]
    pairs = imported_labels(source(tmp_path, "processbench", *rows))
    assert [(one.steps, one.correct, given.labels, given.first_error) for one, given in pairs] == [
        (["a", "b"], False, [1, 0], 1),
        (["a", "b", "c"], True, [1, 1, 1], -1),
    ]
    [problem] = imported_problems(source(tmp_path, "processbench", *rows))
    assert {one.problem_id for one, _ in pairs} == {problem.id}
