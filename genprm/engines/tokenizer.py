"""What an engine needs of a model besides its weights: tokens of prompts, text of tokens, end tokens, context."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from genprm.engines.base import Completion, ContextFull, EngineError, Sampling
from genprm.engines.chat import render_chat
from genprm.engines.encoding import encoder_of
from genprm.engines.loading import is_gguf, load_config, load_tokenizer
from genprm.engines.prompts import Prompt
from genprm.engines.vocabulary import Vocabulary, cut_at_stop
from genprm.records import Message

_PROBE = "Step 1: Add 2 + 3, so x = 5.\n\n```python\nprint(x - 1)\n```\n"
"""Text that every model here reads and writes."""
_BRACE = "**Judgement**: $\\boxed{"
_VERDICTS = ("Yes", "No")


class ModelTokenizer:
    """The tokenizer of a model, used the same way whatever runs the model.

    Prompts are tokenised without adding special tokens (a chat template writes its own BOS, so there is exactly
    one). The end token is not part of a completion's text, other added tokens are. Some faults would otherwise be
    found only after the weights are read, or never. So these are checked at once: that the chat template works,
    that text comes back from its tokens as it was, and (with a warning only) that Yes and No are distinct tokens
    after a brace.

    Raises:
        EngineError: there is no fast tokenizer, it changes text, or its chat template is missing or does not work.
    """

    def __init__(self, model: str, max_context: int) -> None:
        self._model = model
        config = load_config(model).get_text_config()
        self._tokenizer = load_tokenizer(model)
        self._encoder = encoder_of(self._tokenizer)
        self.context = min(max_context, getattr(config, "max_position_embeddings", max_context))
        """Tokens that prompt and completion may have together."""
        self.ends = _end_tokens(model, config, self._tokenizer)
        """Ids that end a turn."""
        self.size = min(len(self._tokenizer), config.vocab_size)
        """Ids that the model can produce and the tokenizer knows: 0 to size - 1."""
        self.vocabulary = Vocabulary(self._tokenizer.backend_tokenizer, len(self._tokenizer))
        self._embedded = config.vocab_size
        self._check_text()
        self._check_verdicts()
        self._embeddable(self._encoder.encode(self.render([Message("user", "1")], prefill="")))

    def _check_text(self) -> None:
        back = self.vocabulary.decode(self._encoder.encode(Prompt(_PROBE)))
        if back != _PROBE:
            raise EngineError(
                f"model {self._model}: its tokenizer does not give text back as it was: {_PROBE!r} became {back!r}"
            )

    def _check_verdicts(self) -> None:
        """Warn if the words of verdicts are not distinct tokens after the brace at which they are read."""
        lead = self._encoder.encode(Prompt(_BRACE))
        following = []
        for word in _VERDICTS:
            ids = self._encoder.encode(Prompt(_BRACE + word))
            following.append(ids[len(lead)] if ids[: len(lead)] == lead else None)
        if None in following or len(set(following)) < len(following):
            warnings.warn(
                f"model {self._model}: its tokenizer does not part {' and '.join(_VERDICTS)} from the brace before "
                "them, so what it writes there is no verdict that can be read; its rewards mean little",
                stacklevel=4,
            )

    def _embeddable(self, ids: list[int]) -> list[int]:
        if ids and max(ids) >= self._embedded:
            token = self._tokenizer.convert_ids_to_tokens(max(ids))
            raise EngineError(
                f"model {self._model}: its tokenizer has a token {token!r} with id {max(ids)}, its embedding only "
                f"ids below {self._embedded} (vocab_size)"
            )
        return ids

    def render(self, messages: Sequence[Message], prefill: str | None = None) -> Prompt:
        """Chat messages as a prompt by the model's own template (`genprm.engines.chat`)."""
        return render_chat(self._tokenizer, self._model, messages, prefill)

    def prompt(self, text: str) -> list[int]:
        """Ids of a prompt that leaves room for an answer.

        Raises:
            ContextFull: the prompt leaves none.
            EngineError: the prompt is empty, or has a token that the model does not know.
        """
        ids = self._embeddable(self._encoder.encode(text))
        if len(ids) >= self.context:
            raise ContextFull(
                f"model {self._model}: the prompt has {len(ids)} tokens, the context holds {self.context}: "
                "no room for an answer"
            )
        if not ids:
            raise EngineError(f"model {self._model}: the prompt is empty")
        return ids

    def completion(
        self,
        ids: Sequence[int],
        sampling: Sampling,
        prompt_tokens: int,
        top_logprobs: Sequence[Mapping[str, float]],
    ) -> Completion:
        """Make a completion of generated `ids` (the end token included), cut after the first stop string."""
        ended = bool(ids) and ids[-1] in self.ends
        text, stop = cut_at_stop(self.vocabulary.decode(ids[:-1] if ended else ids), sampling.stop)
        return Completion(
            text=text,
            tokens=len(ids),
            finish_reason="stop" if ended or stop is not None else "length",
            stop=stop,
            prompt_tokens=prompt_tokens,
            top_logprobs=tuple(top_logprobs),
        )

    def top_texts(self, logprobs: Mapping[int, float], most: int) -> dict[str, float]:
        """The `most` most probable tokens as text; of tokens that read alike, the most probable one."""
        ranked = sorted(logprobs.items(), key=lambda item: -item[1])[:most]
        pieces = self.vocabulary.pieces
        named: dict[str, float] = {}
        for token, value in ranked:
            if token < len(pieces):
                named.setdefault(pieces[token], value)
        return named


def _end_tokens(model: str, config: Any, tokenizer: Any) -> frozenset[int]:
    """Ids that end a turn: those of the generation settings (or the configuration) and the tokenizer's own."""
    from transformers import GenerationConfig

    try:
        if is_gguf(model):
            settings = GenerationConfig.from_model_config(config)
        else:
            settings = GenerationConfig.from_pretrained(model)
    except OSError:  # a model need not have generation settings of its own
        settings = GenerationConfig.from_model_config(config)
    ends: set[int] = set()
    for value in (settings.eos_token_id, tokenizer.eos_token_id):
        if value is not None:
            ends.update(value if isinstance(value, list) else [value])
    return frozenset(ends)
