"""Free text cut into steps: written by hand, as models write it, and real solutions whose steps are known."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genprm.records import BenchmarkCase
from genprm.splitting.free_text import SPLITTERS, SplitError, split_solution

HEADINGS = [
    ["Step 1: a", "Step 2: b"],
    ["Step 1. a", "Step 2. b"],
    ["STEP 1 - a", "STEP 2 - b"],
    ["Step one: a", "Step two: b"],
    ["**Step 1:** a", "**Step 2:** b"],
    ["**Step 1**: a", "**Step 2**: b"],
    ["### Step 1\na", "### Step 2\nb"],
    ["## Step 1: Add\na", "## Step 2: Multiply\nb"],
    ["- **Step 1: Add**\n  a", "- **Step 2: Multiply**\n  b"],
    ["步骤1：甲", "步骤2：乙"],
    ["第一步：甲", "第二步：乙"],
    ["1. a", "2. b"],
    ["1) a", "2) b"],
    ["(1) a", "(2) b"],
    ["**1. Add**\n   a", "**2. Multiply**\n   b"],
    ["### 1. Add\n\na", "### 2. Multiply\n\nb"],
]


@pytest.mark.parametrize("steps", HEADINGS, ids=lambda steps: steps[0])
@pytest.mark.parametrize("gap", ["\n", "\n\n", "\n\n---\n\n"])
@pytest.mark.parametrize("how", ["auto", "headings"])
def test_headings_in_all_spellings(steps: list[str], gap: str, how: str) -> None:
    assert split_solution(gap.join(steps), how).steps == steps


@pytest.mark.parametrize("steps", HEADINGS, ids=lambda steps: steps[0])
def test_a_sentence_before_the_first_heading_belongs_to_the_first_step(steps: list[str]) -> None:
    text = "\n\n".join(["Let us think.", *steps])
    assert split_solution(text).steps == [f"Let us think.\n\n{steps[0]}", *steps[1:]]


def test_a_step_may_speak_of_steps_and_numbers_at_the_beginning_of_a_line() -> None:
    steps = ["Step 1: a\n1. x\n2. y", "Step 2: b\nStep 1 gave a\n2.5 is more", "Step 3: c"]
    assert split_solution("\n".join(steps)).steps == steps


@pytest.mark.parametrize("margin", ["", "  ", "\t"])
@pytest.mark.parametrize("how", ["auto", "headings"])
def test_a_list_within_a_step_is_part_of_it(margin: str, how: str) -> None:
    steps = ["1. Find the sides:\n   1. a = 3\n   2. b = 4\n   3. c = 5", "2. Compute: 6.", "3. Double it: 12."]
    indented = [indent(step, margin) for step in steps]
    assert split_solution("\n" + "\n".join(indented), how).steps == [step.strip() for step in indented]


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("1. Add 2 and 3. 2. So it is 5. 3. Done.", ["1. Add 2 and 3.", "2. So it is 5.", "3. Done."]),
        ("Step 1: 2 + 3 = 5. Step 2: 5 + 4 = 9.", ["Step 1: 2 + 3 = 5.", "Step 2: 5 + 4 = 9."]),
        ("First, 2 + 3 = 5. Second, 5 + 4 = 9.", ["First, 2 + 3 = 5.", "Second, 5 + 4 = 9."]),
    ],
)
def test_a_list_in_one_line(text: str, steps: list[str]) -> None:
    assert split_solution(text).steps == steps
    assert split_solution(text).how == "headings"


def test_a_list_among_paragraphs_is_part_of_one_of_them() -> None:
    paragraphs = ["We count.", "There are two cases:", "1. red\n2. blue", "So there are 2."]
    split = split_solution("\n\n".join(paragraphs))
    assert (split.steps, split.how) == (paragraphs, "paragraphs")


def test_paragraphs_keep_formulas_code_and_titles_with_what_they_belong_to() -> None:
    formula, code = "\\[\nx = 1\n\n+ 1\n\\]", "```python\nx = 2\n\nprint(x)\n```"
    text = f"## Solution\n\nWe have\n\n{formula}\n\nso we run\n\n{code}\n\nand see 2."
    assert split_solution(text, "paragraphs").steps == [
        f"## Solution\n\nWe have\n\n{formula}",
        f"so we run\n\n{code}",
        "and see 2.",
    ]


def test_without_blank_lines_each_line_is_a_paragraph() -> None:
    text = "Tom has 48/2 = 24 clips.\nTogether 48+24 = 72.\n\\[\n72\n\\]"
    assert split_solution(text).steps == ["Tom has 48/2 = 24 clips.", "Together 48+24 = 72.\n\n\\[\n72\n\\]"]


def test_sentences() -> None:
    text = (
        "Mr. J. Smith has $3.50, i.e. 350 cents (approx. 4 dollars). He buys 2.5 kg! Is \\(x. Y\\) more? "
        "No: 350 cents are enough."
    )
    assert split_solution(text).steps == [
        "Mr. J. Smith has $3.50, i.e. 350 cents (approx. 4 dollars).",
        "He buys 2.5 kg!",
        "Is \\(x. Y\\) more?",
        "No: 350 cents are enough.",
    ]
    assert split_solution("2 + 3 = 5. So it is B. Then 6.").steps == ["2 + 3 = 5.", "So it is B.", "Then 6."]
    assert split_solution("一共三个。所以是五个。").steps == ["一共三个。", "所以是五个。"]


@pytest.mark.parametrize(("opens", "closes"), [("$", "$"), ("\\(", "\\)"), ("$$", "$$"), ("\\[", "\\]")])
def test_a_stop_may_be_the_last_sign_of_a_formula(opens: str, closes: str) -> None:
    steps = [f"We know {opens}a=3.{closes}", f"Hence {opens}f(x. y)=4.{closes}", f"Is {opens}a>7?{closes} No."]
    assert split_solution(" ".join(steps), "sentences").steps == [*steps[:2], steps[2].removesuffix(" No."), "No."]


def test_a_formula_within_a_formula_ends_no_sentence() -> None:
    text = "So \\[ x = 1 \\text{ if $y$ is 2. Or else } 3. Z \\] is it. Done."
    assert split_solution(text, "sentences").steps == [text.removesuffix(" Done."), "Done."]


@pytest.mark.parametrize(
    ("how", "steps"),
    [
        (r"\n---\n", ["Part A: 1", "Part B: 2"]),
        (r"(?=^Part B)", ["Part A: 1", "Part B: 2"]),
        (r"\n\n", ["Part A: 1\n---\nPart B: 2"]),
    ],
)
def test_an_expression_of_ones_own(how: str, steps: list[str]) -> None:
    split = split_solution("Part A: 1\n---\nPart B: 2", how)
    assert (split.steps, split.how) == (steps, how)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (
            "paragraph",
            "split is 'paragraph', allowed: auto, headings, paragraphs, sentences or a regular expression",
        ),
        ("(", "split is '(', which is no regular expression"),
        (r"(\n)+", "an expression without groups"),
    ],
)
def test_what_is_no_splitter(how: str, message: str) -> None:
    with pytest.raises(SplitError) as refused:
        split_solution("a\nb", how)
    assert message in str(refused.value)


def test_several_thoughts_are_left_out() -> None:
    text = "Step 1: a\n<think>b?</think>Step 2: b\n<thinking>c?</thinking>Step 3: c"
    assert split_solution(text).steps == ["Step 1: a", "Step 2: b", "Step 3: c"]


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("The tag <think> is a word. So it is 2.", ["The tag <think> is a word.", "So it is 2."]),
        ("<think>3?</think>The tag <think> is a word. So it is 2.", ["The tag <think> is a word.", "So it is 2."]),
        ("It is 2. <think>3?</think> So 2.", ["It is 2.", "So 2."]),
    ],
)
def test_a_tag_that_nothing_closes_is_a_word_within_the_text(text: str, steps: list[str]) -> None:
    assert split_solution(text).steps == steps


@pytest.mark.parametrize(
    "sign", ["<think>", "\\(", "\\[", "$", "$$", "```\n", "**", "1. a\n2. b\n", "\\begin{a}", " \n"]
)
def test_signs_that_nothing_closes_are_read_in_one_go(sign: str) -> None:
    text = "a" + sign * 20_000 + "b"
    assert split_solution(text).steps


@pytest.mark.parametrize("text", ["<think>It is 2.</think>", "  ", " <think>It is", "<think>a</think>\n<think>b"])
def test_a_thought_alone_is_no_solution(text: str) -> None:
    with pytest.raises(SplitError, match="there is no solution in the text"):
        split_solution(text)


@given(st.text("ab12.:)(#*-_\n `$\\[]Step", max_size=80), st.sampled_from([*SPLITTERS, "auto"]))
def test_no_text_is_lost_but_space_and_rules(text: str, how: str) -> None:
    if not text.strip():
        return
    steps = split_solution(text, how).steps

    def letters(part: str) -> str:
        return "".join(sign for sign in part if not sign.isspace() and sign not in "-*_")

    assert all(step == step.strip() for step in steps)
    assert letters("".join(steps)) == letters(text)


# Real solutions. ProcessBench has steps that stood in paragraphs of their own when people marked them.


def _same(steps: list[str], how: str) -> bool:
    return split_solution("\n\n".join(steps), how).steps == [step.strip() for step in steps]


@pytest.mark.parametrize(("how", "share"), [("paragraphs", 0.985), ("auto", 0.965)])
def test_the_steps_of_processbench_are_found_again(
    how: str, share: float, processbench: list[BenchmarkCase]
) -> None:
    same = [_same(case.steps, how) for case in processbench]
    assert sum(same) / len(same) >= share


def test_human_solutions_of_gsm8k_have_one_step_a_line(data_dir: Path) -> None:
    lines = (data_dir / "gsm8k-train" / "train.jsonl").read_text().splitlines()
    solutions = [json.loads(line)["answer"].rpartition("\n####")[0] for line in lines]
    same = [
        split_solution(text).steps == [line.strip() for line in text.split("\n") if line.strip()]
        for text in solutions
    ]
    assert sum(same) / len(same) >= 0.999


def _responses(data_dir: Path) -> Iterator[str]:
    file = data_dir / "nait-prm-scores" / "qwen25-7b-instruct_math500_4-responses.json.gz"
    for row in json.loads(gzip.decompress(file.read_bytes())):
        yield from row["responses"]


def test_every_response_of_a_chat_model_has_steps_and_none_is_a_lone_formula(data_dir: Path) -> None:
    splits = [split_solution(text) for text in _responses(data_dir)]
    assert all(len(split.steps) > 1 for split in splits)
    lone = [step for split in splits for step in split.steps if step.startswith("\\[") and step.endswith("\\]")]
    assert len(lone) <= 0.001 * sum(len(split.steps) for split in splits)


@pytest.mark.timeout(120)
def test_a_line_of_blanks_behind_a_bullet_takes_no_longer_than_it_is_long() -> None:
    text = "- " + " " * 300_000 + "x"
    assert split_solution(text, "headings").steps == [text]
