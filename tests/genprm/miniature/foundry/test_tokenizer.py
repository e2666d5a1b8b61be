"""The tokenizer: single pieces of the format, safe boundaries, the chat template."""

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from genprm.miniature.foundry.tokenizer import FORMAT_TOKENS, build_tokenizer, save_tokenizer

PROBLEM = "How many figs does Zopim have in the end? (1) Zopim has 13 figs. (2) Zopim buys 8 bags of 6 figs."
STEP = "Step 1: By (2), 8 * 6 = 48 figs."
ANALYSIS = "Next is (2): Zopim buys 8 bags of 6 figs. So 8 * 6 = 48 and more is left. The step says 48."
CODE = "expected = 8 * 6\nprint(expected, expected == 48)"
TURN = (
    f"<analyze>\n{ANALYSIS}\n</analyze>\n<verify>\n```python\n{CODE}\n```\n"
    "[Code Output]\n\n```\n48 True\n```\n</verify>\n<output>\n**Judgement**: $\\boxed{Yes}$\n</output>\n"
)
MESSAGES = [
    {"role": "user", "content": f"Question: {PROBLEM}\n\n{STEP}"},
    {"role": "assistant", "content": TURN},
    {"role": "user", "content": "Step 2: By (2), 13 + 48 = 61 figs. The answer is $\\boxed{61}$."},
]


def ids(text: str) -> list[int]:
    return list(build_tokenizer()(text, add_special_tokens=False).input_ids)


@pytest.mark.parametrize("piece", [*FORMAT_TOKENS, "Yes", "No", "True", "False", "<|im_start|>", "<|im_end|>"])
def test_fixed_pieces_are_single_tokens(piece: str) -> None:
    assert len(ids(piece)) == 1


@pytest.mark.parametrize(
    "ending",
    [
        "assistant\n",
        "<analyze>\n",
        "</analyze>\n",
        "<verify>\n",
        "```python\n",
        "== 48)\n```\n",
        "[Code Output]\n\n```\n",
        "48 True\n```\n",
        "</verify>\n",
        "$\\boxed{",
        "Yes",
        "</output>\n",
    ],
)
def test_a_prefix_at_a_prefill_point_is_encoded_as_in_the_whole(ending: str) -> None:
    whole = build_tokenizer().apply_chat_template(MESSAGES[:2], tokenize=False)
    cut = whole.index(ending, whole.index("assistant\n")) + len(ending)
    assert ids(whole[:cut]) + ids(whole[cut:]) == ids(whole)


@pytest.mark.parametrize("cut", ["Step 1:", "figs.\n\n", "figs.\n\nStep 2:"])
def test_a_solution_can_be_continued_anywhere_between_its_steps(cut: str) -> None:
    text = f"{STEP}\n\nStep 2: By (2), 13 + 48 = 61 figs. The answer is $\\boxed{{61}}$."
    end = text.index(cut) + len(cut)
    assert ids(text[:end]) + ids(text[end:]) == ids(text)


def test_empty_and_strange_code_output_keep_the_boundaries() -> None:
    for output in ("", "Traceback (most recent call last):\n  ValueError: x", "a\n\nb"):
        text = f"```python\n{CODE}\n```\n[Code Output]\n\n```\n{output}\n```\n</verify>\n"
        cut = text.index("</verify>")
        assert ids(text[:cut]) + ids(text[cut:]) == ids(text)
        assert build_tokenizer().decode(ids(text)) == text


def test_template_marks_what_the_assistant_says(tmp_path: Path) -> None:
    save_tokenizer(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    text = tokenizer.apply_chat_template(MESSAGES, tokenize=False, add_generation_prompt=True)
    assert text == (
        f"<|im_start|>user\n{MESSAGES[0]['content']}<|im_end|>\n<|im_start|>assistant\n{TURN}<|im_end|>\n"
        f"<|im_start|>user\n{MESSAGES[2]['content']}<|im_end|>\n<|im_start|>assistant\n"
    )
    encoded = tokenizer.apply_chat_template(MESSAGES[:2], return_dict=True, return_assistant_tokens_mask=True)
    said = [token for token, mark in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True) if mark]
    assert tokenizer.decode(said) == TURN + "<|im_end|>"
    assert encoded["input_ids"] == ids(tokenizer.apply_chat_template(MESSAGES[:2], tokenize=False))
    assert tokenizer.decode(encoded["input_ids"]).count("<|unknown|>") == 0
