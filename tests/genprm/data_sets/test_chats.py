"""What was asked and replied, as frameworks and clients hand it over."""

from __future__ import annotations

import pytest

from genprm.data_sets.chats import asked, replied
from genprm.data_sets.rows import InputError

CHATML = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n1 + 1?<|im_end|>\n<|im_start|>assistant\n"
LLAMA = (
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\n1 + 1?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
)
GEMMA = "<bos><start_of_turn>user\n1 + 1?<end_of_turn>\n<start_of_turn>model\n"
DEEPSEEK = "<｜begin▁of▁sentence｜>Be brief.<｜User｜>1 + 1?<｜Assistant｜><think>\n"


@pytest.mark.parametrize(
    "prompt",
    [
        "1 + 1?",
        CHATML,
        LLAMA,
        GEMMA,
        DEEPSEEK,
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1 + 1?"}],
        [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "1 + 1?"}]}],
        [{"role": "human", "content": "1 + 1?"}, {"role": "gpt", "content": "2"}],
        [{"role": "user", "content": CHATML}],
        [{"role": "assistant", "content": None, "tool_calls": []}, {"role": "user", "content": "1 + 1?"}],
    ],
)
def test_what_a_prompt_asks(prompt: object) -> None:
    assert asked(prompt, "prompt") == "1 + 1?"


def test_of_several_questions_the_last_one_counts() -> None:
    chat = [("user", "0 + 0?"), ("assistant", "0"), ("user", "1 + 1?")]
    assert asked([{"role": role, "content": text} for role, text in chat], "prompt") == "1 + 1?"
    text = "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in chat)
    assert asked(text, "prompt") == "1 + 1?"


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("<s>[INST] 1 + 1? [/INST]", "allowed: messages, a plain text, or a chat as ChatML"),
        ("<|im_start|>system\nBe brief.<|im_end|>\n", "prompt has no turn of the user"),
        ([{"role": "system", "content": "Be brief."}], "prompt has no turn of the user"),
        ([{"role": "user", "content": None}], "allowed: an object with role and content, both strings"),
        ([{"role": "user", "content": 7}], "allowed: an object with role and content, both strings"),
        (7, "prompt is 7, allowed: a text, or messages with role and content"),
    ],
)
def test_prompts_that_ask_nothing_that_can_be_read_are_refused(prompt: object, message: str) -> None:
    with pytest.raises(InputError) as refused:
        asked(prompt, "prompt")
    assert message in str(refused.value)


@pytest.mark.parametrize(
    "end",
    [
        *("", "<|im_end|>", "</s>", "<|eot_id|>\n", "<|im_end|>\n<|endoftext|>"),
        *("<end_of_turn>", "<｜end▁of▁sentence｜>", "<|end_of_text|><pad><pad>", "</s>[PAD][PAD]"),
    ],
)
def test_marks_that_end_a_reply_are_no_part_of_it(end: str) -> None:
    assert replied(f"If x < 2, it is 3 > x.{end}", "completion") == "If x < 2, it is 3 > x."
    turns = [{"role": "user", "content": "1?"}, {"role": "assistant", "content": f"It is 1.{end}"}]
    assert replied(turns, "completion") == "It is 1."
