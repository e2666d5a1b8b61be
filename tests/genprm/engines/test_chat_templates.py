"""Templates as models have them: those that TRL ships for its own tests of chat templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trl

from genprm.engines.chat import render_chat
from genprm.records import Message
from tests.genprm.training.conftest import small_tokenizer

FOLDER = Path(trl.__file__).parent / "chat_templates"
TURNS = ["<analyze>\nFine.\n</analyze>\n**Judgement**: $\\boxed{Yes}$\n", "<analyze>\nNo, 2.\n</analyze>\n"]
CONVERSATION = [
    Message("system", "Check it."),
    Message("user", "Question: 2+2?\n\n4"),
    Message("assistant", TURNS[0]),
    Message("user", "So 5."),
    Message("assistant", TURNS[1]),
]


def templates() -> list[str]:
    """Those of models of text, as they are published."""
    names = sorted(path.stem for path in FOLDER.glob("*.jinja"))
    others = ("_training", "_vl", "vlm", "_next", "idefics3", "diffusion")
    return [name for name in names if not name.endswith(others) and not name.startswith(others)]


@pytest.fixture(params=templates())
def tokenizer(request: pytest.FixtureRequest) -> Any:
    tokenizer = small_tokenizer()
    tokenizer.bos_token = tokenizer.bos_token or tokenizer.eos_token
    tokenizer.chat_template = (FOLDER / f"{request.param}.jinja").read_text()
    return tokenizer


def test_a_conversation_only_grows(tokenizer: Any) -> None:
    """What is read before a turn at inference stands before it in training, and in the history of the next."""
    whole = render_chat(tokenizer, "m", CONVERSATION)

    for index in (2, 4):
        asked = render_chat(tokenizer, "m", CONVERSATION[:index], prefill="<analyze>\n")
        assert whole.startswith(asked)
        assert whole[len(asked) :].startswith(CONVERSATION[index].content.strip().removeprefix("<analyze>\n"))


def test_qwen3_writes_no_empty_thought_before_a_turn() -> None:
    tokenizer = small_tokenizer()
    tokenizer.chat_template = (FOLDER / "qwen3.jinja").read_text()

    whole = render_chat(tokenizer, "m", CONVERSATION)

    assert "<think>" not in whole
    assert whole.endswith(f"<|im_start|>assistant\n{TURNS[1]}<|im_end|>\n")
