"""Where the loss lies, read back as text."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from genprm.engines.base import EngineError
from genprm.records import Message, TrainingExample
from genprm.training.tokens import IGNORED, EncodedRow, encode_conversation, encode_conversations

TURN = """<analyze>
Let's see 1: 1 + 1
</analyze>
<verify>
Let's use python code to find any potential error:
```python
print(1 + 1)
```
[Code Output]

```
2
```
</verify>
<output>
**Judgement**: $\\boxed{Yes}$
</output>
"""


def loss_texts(tokenizer: Any, row: EncodedRow) -> list[str]:
    """The stretches of text that carry loss."""
    pairs = zip(row.input_ids, row.labels, strict=True)
    return [
        tokenizer.decode([token for token, _ in run])
        for carries, run in groupby(pairs, key=lambda pair: pair[1] != IGNORED)
        if carries
    ]


def test_loss_is_on_assistant_content_and_its_end_of_turn(tokenizer: Any, example: TrainingExample) -> None:
    row = encode_conversation(tokenizer, example, mask_code_output=False)

    said = [message.content for message in example.messages if message.role == "assistant"]
    assert said[0] == TURN
    assert loss_texts(tokenizer, row) == [text + "<|im_end|>" for text in said]
    assert all(label in (IGNORED, token) for token, label in zip(row.input_ids, row.labels, strict=True))


def test_executed_output_is_left_out_when_asked(tokenizer: Any, example: TrainingExample) -> None:
    row = encode_conversation(tokenizer, example, mask_code_output=True)

    before, after = TURN.split("[Code Output]\n\n```\n2\n```\n")
    first_turn = loss_texts(tokenizer, row)[:2]
    assert first_turn == [before, after + "<|im_end|>"]


def test_ids_are_those_of_the_rendered_conversation(tokenizer: Any, example: TrainingExample) -> None:
    chat = [{"role": message.role, "content": message.content} for message in example.messages]
    expected = tokenizer.apply_chat_template(chat, tokenize=True, return_dict=True)["input_ids"]

    assert encode_conversation(tokenizer, example, mask_code_output=False).input_ids == expected


PARTS = (
    "<analyze>\n",
    "</analyze>\n",
    "<verify>\n",
    "```python\n",
    "```\n",
    "</verify>\n",
    "\\boxed{",
    "</output>\n",
)
"""Where the verifier hands over to the model, or reads what the model is about to say."""


@pytest.mark.parametrize("model", ["random", "miniature/base"])
def test_every_prompt_of_the_verifier_is_a_prefix_of_the_training_tokens(
    base_model: Path, example: TrainingExample, model: str
) -> None:
    from transformers import AutoTokenizer

    from genprm.engines import open_engine, resolve_model
    from genprm.settings import EngineSettings

    directory = str(base_model) if model == "random" else resolve_model(model)
    engine = open_engine(directory, EngineSettings(backend="transformers", dtype="float32", max_context=512))
    tokenizer = AutoTokenizer.from_pretrained(directory)
    trained = encode_conversation(tokenizer, example, mask_code_output=False).input_ids

    compared = 0
    for index in (1, 3):
        content = example.messages[index].content
        for end in (m.end() for part in PARTS for m in re.finditer(re.escape(part), content)):
            prompt = engine.render(example.messages[:index], prefill=content[:end])
            seen = tokenizer(prompt, add_special_tokens=False)["input_ids"]
            assert trained[: len(seen)] == seen, content[:end]
            compared += 1
    assert compared == 2 * 10


def test_too_long_conversations_are_dropped_whole_and_named(
    tokenizer: Any, examples: list[TrainingExample]
) -> None:
    whole = encode_conversations(tokenizer, examples, 10_000, False)
    lengths = {example.id: len(row.input_ids) for example, row in zip(examples, whole.rows, strict=True)}
    limit = sorted(lengths.values())[4]

    encoded = encode_conversations(tokenizer, examples, limit, mask_code_output=False)

    assert sorted(encoded.dropped) == sorted(name for name, length in lengths.items() if length > limit)
    fitting = [example for example in examples if lengths[example.id] <= limit]
    assert encoded.rows == [encode_conversation(tokenizer, example, False) for example in fitting]


def test_nothing_left_is_an_error(tokenizer: Any, examples: list[TrainingExample]) -> None:
    with pytest.raises(ValueError, match=r"at most training.max_length = 16 tokens; the shortest of 10 has \d+"):
        encode_conversations(tokenizer, examples, 16, mask_code_output=False)


def test_content_that_the_template_trims_is_still_found(tokenizer: Any, example: TrainingExample) -> None:
    trimming = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}"
    row = encode_conversation(with_template(tokenizer, trimming), example, mask_code_output=True)

    assert loss_texts(tokenizer, row)[1].startswith("</verify>\n<output>")
    assert loss_texts(tokenizer, row)[1].endswith("</output><|im_end|>")


def test_a_template_that_rewrites_history_is_refused(tokenizer: Any, example: TrainingExample) -> None:
    counting = "{{ messages | length }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"  # noqa: E501
    with pytest.raises(ValueError, match="rewrites earlier turns"):
        encode_conversation(with_template(tokenizer, counting), example, mask_code_output=False)


def test_a_template_that_forgets_what_the_assistant_said_is_refused(
    tokenizer: Any, example: TrainingExample
) -> None:
    forgetful = "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if loop.last or m.role == 'user' %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}"  # noqa: E501
    with pytest.raises(EngineError, match="does not render an assistant turn as it is"):
        encode_conversation(with_template(tokenizer, forgetful), example, mask_code_output=False)


def test_a_template_that_never_ends_a_turn_is_refused(tokenizer: Any, example: TrainingExample) -> None:
    endless = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    with pytest.raises(ValueError, match="could not stop"):
        encode_conversation(with_template(tokenizer, endless), example, mask_code_output=False)


def test_a_conversation_without_an_answer_is_refused(tokenizer: Any) -> None:
    with pytest.raises(ValueError, match="'q' has no assistant turn"):
        encode_conversation(tokenizer, TrainingExample("q", [Message("user", "1 + 1?")]), mask_code_output=False)


def with_template(tokenizer: Any, template: str) -> Any:
    """A copy of the tokenizer with another chat template."""
    from copy import deepcopy

    other = deepcopy(tokenizer)
    other.chat_template = template
    return other
