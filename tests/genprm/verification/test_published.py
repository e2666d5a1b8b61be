"""How the published checkpoints are asked: their system message, and every token of a conversation."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from genprm.data_sets.rows import InputError
from genprm.engines.tokenizer import ModelTokenizer
from genprm.records import Message
from genprm.settings import TurnFormat, VerifierSettings
from genprm.verification.manifest import model_manifest
from genprm.verification.published import Preset, data_set_system, published_settings, read_system
from genprm.verification.verifier import Verifier
from tests.genprm.scripted_engine import ScriptedEngine
from tests.genprm.scripted_judge import EchoSandbox

QWEN2_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL = ["<|bos|>", "<|im_start|>", "<|im_end|>"]
PIECE = r"\w+|\s|[^\w\s]"
SYSTEM = "Check it."
LEAD = "Let's analyze the Paragraph {} step by step: "
VERIFY = "<verify>\nLet's use python code to find any potential error:\n```python\n"


def text_of(analysis: str, number: int) -> str:
    """A finished turn, written out."""
    return (
        f"<analyze>\n{LEAD.format(number)}{analysis}\n</analyze>\n{VERIFY}print(4)\n```\n"
        "[Code Output]\n\n```\n8\n```\n</verify>\n<output>\n**Judgement**: $\\boxed{Yes}$\n</output>\n"
    )


def pieces(text: str) -> list[str]:
    """Text as the toy tokenizer reads it: words, blanks and signs."""
    return re.findall(PIECE, text)


def turn(role: str, content: str) -> list[str]:
    return ["<|im_start|>", *pieces(f"{role}\n{content}"), "<|im_end|>", "\n"]


def toy_model(folder: Path, template: str) -> ModelTokenizer:
    words = sorted({*map(chr, range(9, 127)), *pieces(text_of("Fine.", 1) + text_of("Fine.", 2))})
    words += [
        word
        for word in ("system", "user", "assistant", "Question", "Check", "it", "Step", "Add", "so")
        if word not in words
    ]
    vocabulary = {token: number for number, token in enumerate([*SPECIAL, "?unknown?", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="?unknown?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(PIECE), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens(SPECIAL)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|bos|>", eos_token="<|im_end|>", chat_template=template
    ).save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "vocab_size": len(vocabulary)}))
    return ModelTokenizer(str(folder), 4096)


class ToyEngine(ScriptedEngine):
    """A scripted engine with a real tokenizer and chat template."""

    def __init__(self, tokenizer: ModelTokenizer) -> None:
        super().__init__(self._script)
        self.tokenizer = tokenizer

    @staticmethod
    def _script(prompt: str) -> str:
        if prompt.endswith("\\boxed{"):
            return "Yes"
        if prompt.endswith("step by step: "):
            return "Fine.\n</analyze>\n"
        return (
            "print(4)\n```\n"
            if prompt.endswith("python\n")
            else "</verify>\n<output>\n**Judgement**: $\\boxed{Yes}$"
        )

    def render(self, messages: Sequence[Message], prefill: str | None = None) -> str:
        return self.tokenizer.render(messages, prefill)


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("bos", [True, False])
async def test_every_token_of_a_conversation_of_two_steps(tmp_path: Path, header: bool, bos: bool) -> None:
    engine = ToyEngine(toy_model(tmp_path, ("{{ bos_token }}" if bos else "") + QWEN2_TEMPLATE))
    settings = VerifierSettings(format=TurnFormat(system=SYSTEM, assistant_header=header))

    verification = await Verifier(engine, EchoSandbox(), settings).verify("c", "2+2?", ["4", "5"], "full")

    assert [step.text for step in verification.steps] == [text_of("Fine.", 1), text_of("Fine.", 2)]
    backend = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    read, last = (
        backend.convert_ids_to_tokens(engine.tokenizer.prompt(engine.requests[index][0])) for index in (0, -1)
    )
    begun = ["<|im_start|>", *pieces("assistant\n")] if header else []
    first = [*(["<|bos|>"] if bos else []), *turn("system", SYSTEM), *turn("user", "Question: 2+2?\n\n4")]
    second = [*first, *turn("assistant", text_of("Fine.", 1)), *turn("user", "5")]
    due = text_of("Fine.", 2).partition("Yes}$")[0]
    assert read == [*first, *begun, *pieces("<analyze>\n" + LEAD.format(1))]
    assert last == [*second, *begun, *pieces(due)]
    assert last.count("<|bos|>") == bos


@pytest.mark.parametrize("preset", Preset)
async def test_both_presets_begin_as_vllm_makes_the_released_prompts(tmp_path: Path, preset: Preset) -> None:
    """The code hands vLLM text that begins with the template's BOS, and vLLM's tokenizer puts another before it."""
    engine = ToyEngine(toy_model(tmp_path, "{{ bos_token }}" + QWEN2_TEMPLATE))
    await Verifier(engine, EchoSandbox(), published_settings("m", SYSTEM, preset)).verify(
        "c", "2+2?", ["4"], "full"
    )
    backend = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    read = backend.convert_ids_to_tokens(engine.tokenizer.prompt(engine.requests[0][0]))
    asked = {
        Preset.AS_CARD: [*turn("user", "Question: 2+2?\n\n4"), "<|im_start|>", *pieces("assistant\n")],
        Preset.AS_EVALUATED: turn("user", "2+2?\n4"),
    }
    begun = pieces("<analyze>\n" + LEAD.format(1))
    assert read == ["<|bos|>", "<|bos|>", *turn("system", SYSTEM), *asked[preset], *begun]


def write_data_set(folder: Path, conversation: list[dict[str, str]]) -> None:
    path = folder / "genprm-math-data" / "train.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"conversations": [conversation]}), path)


@pytest.mark.parametrize(("role", "content"), [("role", "content"), ("from", "value")])
def test_the_system_message_is_that_of_the_data_set(tmp_path: Path, role: str, content: str) -> None:
    write_data_set(tmp_path, [{role: "system", content: SYSTEM}, {role: "user", content: "Question: 1?"}])
    assert data_set_system(tmp_path) == SYSTEM


def test_conversations_without_a_system_message_are_refused(tmp_path: Path) -> None:
    write_data_set(tmp_path, [{"role": "user", "content": "Question: 1?"}])
    with pytest.raises(InputError, match=r"row 0: begins with .*'user'.*, allowed: a conversation with a system"):
        data_set_system(tmp_path)


def test_without_data_set_and_file_the_error_says_what_to_supply(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENPRM_DATA_DIR", str(tmp_path))
    with pytest.raises(
        InputError, match=r"'GenPRM/GenPRM-7B' needs .*--system-file FILE.*GenPRM-MATH-Data"
    ) as raised:
        model_manifest("GenPRM/GenPRM-7B")
    assert "\n" not in str(raised.value)


def test_a_published_checkpoint_is_asked_as_its_model_card_shows() -> None:
    settings = published_settings("GenPRM/GenPRM-7B", SYSTEM)

    assert settings.format.question.format(problem="P", step="S") == "Question: P\n\nS"
    assert (settings.format.system, settings.format.assistant_header, settings.rounds) == (SYSTEM, True, 3)
    sampling = settings.sampling
    assert (sampling.temperature, sampling.top_p, sampling.top_k, sampling.max_tokens) == (0.6, 0.95, 20, 2048)
    assert model_manifest("GenPRM/GenPRM-7B", SYSTEM).verifier == settings


def test_a_preset_asks_any_model_as_the_published_ones(tmp_path: Path) -> None:
    wanted = published_settings("GenPRM/GenPRM-7B", SYSTEM, Preset.AS_EVALUATED)
    assert model_manifest("miniature/rationale", SYSTEM, preset=Preset.AS_EVALUATED).verifier == wanted


def test_what_is_given_takes_the_place_of_what_is_known(tmp_path: Path) -> None:
    given = VerifierSettings(rounds=1)
    assert model_manifest("GenPRM/GenPRM-7B", verifier=given).verifier == given

    file = tmp_path / "system.txt"
    file.write_text(f"{SYSTEM}\n")
    verifier = model_manifest("miniature/rationale", read_system(str(file))).verifier
    assert verifier is not None
    assert verifier.format.system == SYSTEM

    file.write_text("\n")
    with pytest.raises(InputError, match="is empty"):
        read_system(str(file))
