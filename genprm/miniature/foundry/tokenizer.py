"""The tokenizer of the small models: a closed vocabulary of words, syllables and digits, cut by longest match.

The fixed pieces of the conversation format are single added tokens, newlines included, so that every point at
which generation is started or stopped is a token boundary: encoding a prefix and the rest gives the same ids as
encoding the whole.
"""

from __future__ import annotations

import re
import string
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from genprm.miniature.world.names import CONTAINERS, FIRST_SYLLABLES, LAST_SYLLABLES, THINGS

PAD, START, END, UNKNOWN = "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|unknown|>"
SPECIAL_TOKENS = [PAD, START, END, UNKNOWN]
FORMAT_TOKENS = [
    "<analyze>\n",
    "</analyze>\n",
    "<verify>\n",
    "</verify>\n",
    "```python\n",
    "\n```\n",
    "[Code Output]\n\n```\n",
    "<output>\n**Judgement**: $\\boxed{",
    "}$\n</output>\n",
    " The answer is $\\boxed{",
    "$\\boxed{",
    "\n\n",
]
_WORDS = [
    *("user\n", "assistant\n", "system\n"),
    *("Solve:", "Solve with care:", "Refine:", "Critique of step", "Question:", "Plan:", "Compute:"),
    "Judge directly.",
    *(" How many", " does", " do", " have", " has", " and", " together", " in the end?"),
    *("(1)", " (", " buys", " finds", " sells", " loses", " gives", " gets", " from"),
    *(" keeps", " one of", " equal parts", " of", " the", " times as many", " as", " more", " fewer", " than"),
    *(" now", " walks", " miles"),
    *("Next is", " Next is", " So", " and more is left.", " and that is all.", " The step says", " and ends"),
    *("All is done at", " All is done at", " By", " Together", " is wrong.", "}$."),
    *("expected =", "\nprint(expected, expected ==", "\nfinal =", " and final)", ")"),
    *(" None", "None", " True", " False", "True", "False", "Yes", "No"),
    *(".", " +", " -", " *", " /", " //", " =", ",", ":"),
]
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'assistant' -%}"
    "{{- '<|im_start|>assistant\n' -}}"
    "{%- generation -%}{{- message['content'] + '<|im_end|>' -}}{%- endgeneration -%}{{- '\n' -}}"
    "{%- else -%}"
    "{{- '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' -}}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}"
)


def vocabulary() -> dict[str, int]:
    """Every piece with its id: special tokens, format tokens, words, syllables, digits, then single characters."""
    pieces = [*SPECIAL_TOKENS, *FORMAT_TOKENS]
    pieces += [f"{space}{digit}" for space in (" ", "") for digit in string.digits]
    pieces += [f"Step {n}:" for n in range(1, 10)] + [f" Step {n}" for n in range(1, 10)]
    pieces += [f" ({n})" for n in range(1, 10)]
    pieces += _WORDS
    pieces += [f" {first}" for first in FIRST_SYLLABLES] + LAST_SYLLABLES
    pieces += [f" {noun}" for noun in (*THINGS, *CONTAINERS)]
    pieces += [c for c in string.printable if c not in "\r\x0b\x0c"]
    return {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}


def build_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer with its chat template (ChatML, with generation marks around the assistant's texts)."""
    vocab = vocabulary()
    fixed = [*SPECIAL_TOKENS, *FORMAT_TOKENS]
    words = sorted((piece for piece in vocab if piece not in fixed), key=len, reverse=True)
    core = Tokenizer(models.WordLevel(vocab, unk_token=UNKNOWN))
    pattern = "|".join(re.escape(word) for word in words)
    core.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    core.decoder = decoders.Fuse()
    core.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in SPECIAL_TOKENS])
    core.add_tokens([AddedToken(t, normalized=False, special=False) for t in FORMAT_TOKENS])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token=END,
        pad_token=PAD,
        unk_token=UNKNOWN,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=1024,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def save_tokenizer(folder: Path) -> None:
    """Writes the tokenizer in the layout that AutoTokenizer reads."""
    build_tokenizer().save_pretrained(folder)
