"""What an engine needs to know of a model besides its weights: tokens of prompts, text of tokens, ends, context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genprm.engines.base import Completion, ContextFull, EngineError, Sampling
from genprm.engines.chat import render_chat
from genprm.engines.vocabulary import Vocabulary, first_stop
from genprm.records import Message


class ModelTokenizer:
    """The tokenizer of a model, used the same way whatever runs the model.

    Prompts are tokenised without adding special tokens (a chat template writes its own BOS, so there is exactly
    one). The end token is not part of a completion's text, other added tokens are.

    Raises:
        EngineError: there is no fast tokenizer.
    """

    def __init__(self, model: str, max_context: int) -> None:
        from transformers import AutoConfig, AutoTokenizer

        self._model = model
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(model)
            config = AutoConfig.from_pretrained(model).get_text_config()
        except (OSError, ValueError, KeyError, ImportError) as error:
            reason = str(error).strip().splitlines()[0]
            raise EngineError(f"model {model!r} cannot be loaded: {reason}") from error
        if not self._tokenizer.is_fast:
            raise EngineError(f"model {model!r}: a fast tokenizer (tokenizer.json) is needed")
        self.context = min(max_context, getattr(config, "max_position_embeddings", max_context))
        """Tokens that prompt and completion may have together."""
        self.ends = _end_tokens(model, config, self._tokenizer)
        """Ids that end a turn."""
        self.size = min(len(self._tokenizer), config.vocab_size)
        """Ids that the model can produce and the tokenizer knows: 0 to size - 1."""
        self.vocabulary = Vocabulary(self._tokenizer.backend_tokenizer, len(self._tokenizer))

    def render(self, messages: Sequence[Message], prefill: str | None = None) -> str:
        """Chat messages as prompt text by the model's own template (`genprm.engines.chat`)."""
        return render_chat(self._tokenizer, self._model, messages, prefill)

    def prompt(self, text: str) -> list[int]:
        """Ids of a prompt that leaves room for an answer.

        Raises:
            ContextFull: it leaves none.
            EngineError: it is empty.
        """
        ids = self.vocabulary.encode(text)
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
        top_logprobs: Sequence[Mapping[str, float]] = (),
    ) -> Completion:
        """What generated `ids` (the end token included) say, cut after the first stop string."""
        ended = bool(ids) and ids[-1] in self.ends
        text = self.vocabulary.decode(ids[:-1] if ended else ids)
        found = first_stop(text, sampling.stop)
        if found is not None:
            text = text[: found[1]]
        return Completion(
            text=text,
            tokens=len(ids),
            finish_reason="stop" if ended or found is not None else "length",
            stop=found[0] if found is not None else None,
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
        settings = GenerationConfig.from_pretrained(model)
    except OSError:  # a model need not have generation settings of its own
        settings = GenerationConfig.from_model_config(config)
    ends: set[int] = set()
    for value in (settings.eos_token_id, tokenizer.eos_token_id):
        if value is not None:
            ends.update(value if isinstance(value, list) else [value])
    return frozenset(ends)
