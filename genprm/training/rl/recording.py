"""What the model wrote of a conversation, and what was put in by others: prompts, results of code, forced words."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from genprm.engines.base import Completion, Engine, Sampling
from genprm.engines.encoding import PromptEncoder
from genprm.engines.wrapped import WrappedEngine
from genprm.verification.rewards import WORDS, read_reward


@dataclass(frozen=True, slots=True)
class Segment:
    """Text that the model wrote after a prompt when it judged a step, with its number of `tokens`; or a verdict
    that was drawn, empty where none could be read."""

    prompt: str
    text: str
    tokens: int
    is_verdict: bool = False
    step: int = 0


class RecordingEngine(WrappedEngine):
    """Records what the model writes in one verification path, and draws the verdicts.

    A verifier takes the more probable verdict. To learn, the other one has to be tried, too: the verdict is drawn
    with the probabilities that the model gives the two, at `temperature`.
    """

    def __init__(self, engine: Engine, temperature: float, seed: int) -> None:
        super().__init__(engine)
        self.segments: list[Segment] = []
        """In order; each prompt begins with the conversation so far, unless a verdict was forced."""
        self.step = 0
        """0-based index of the step that is being judged."""
        self._temperature = temperature
        self._random = random.Random(seed)

    async def complete(self, prompt: str, sampling: Sampling, n: int = 1) -> list[Completion]:
        """As the engine behind it; a request for log-probabilities asks for a verdict, which is drawn."""
        completions = await super().complete(prompt, sampling, n)
        if sampling.logprobs:
            return [self._drawn(prompt, completion) for completion in completions]
        self.segments += [
            Segment(prompt, completion.text, completion.tokens, step=self.step) for completion in completions
        ]
        return completions

    def _drawn(self, prompt: str, completion: Completion) -> Completion:
        reward, verdict = read_reward(completion.top_logprobs[0] if completion.top_logprobs else {})
        if verdict == "none":
            self.segments.append(Segment(prompt, "", 0, is_verdict=True, step=self.step))
            return completion
        chosen = self._random.random() >= tempered(reward, self._temperature)
        word, other = WORDS[chosen], WORDS[not chosen]
        self.segments.append(Segment(prompt, word, 1, is_verdict=True, step=self.step))
        return replace(completion, top_logprobs=({word: 0.0, other: -math.inf},))


def tempered(probability: float, temperature: float) -> float:
    """The probability of one of two words at another temperature than 1.

    >>> tempered(0.8, 1.0), round(tempered(0.8, 2.0), 4), tempered(0.0, 2.0)
    (0.8, 0.6667, 0.0)
    """
    one, other = math.pow(probability, 1 / temperature), math.pow(1 - probability, 1 / temperature)
    return one / (one + other)


@dataclass(frozen=True, slots=True)
class TokenSequence:
    """A conversation as token ids, and for each token the step (0-based) in whose judgement the model wrote it; -1
    for tokens that others put in."""

    ids: list[int]
    steps: list[int]

    @property
    def written(self) -> list[bool]:
        """Which tokens the model wrote."""
        return [step >= 0 for step in self.steps]

    @property
    def start(self) -> int:
        """Where the completion begins: at the first token that the model wrote, at the last token if it wrote
        none."""
        return next((place for place, step in enumerate(self.steps) if step >= 0), len(self.ids) - 1)


def token_sequence(encoder: PromptEncoder, segments: Sequence[Segment]) -> TokenSequence:
    """The conversation at the end of the last segment, encoded as in fine-tuning: as one text.

    A token counts as the model's if its first character is the model's: the token in which a stop string ends may
    hold more text, which was cut and put in again (the newline after a closing tag). Text that the path took back
    is left out.

    Raises:
        ValueError: no segments.
    """
    if not segments:
        raise ValueError("nothing was written: there is no conversation to learn from")
    text = segments[-1].prompt + segments[-1].text
    ids, offsets = encoder.encode_at(text)
    spans = [(segment.step, *span) for segment in segments if (span := _span(segment, text)) is not None]
    steps = [next((step for step, begin, end in spans if begin <= first < end), -1) for first, _ in offsets]
    return TokenSequence(ids, steps)


def _span(segment: Segment, text: str) -> tuple[int, int] | None:
    """The characters of `text` that a segment covers; None where the conversation went another way."""
    if not text.startswith(segment.prompt):
        return None
    begin = len(segment.prompt)
    there = text[begin : begin + len(segment.text)]
    same = next((i for i, (a, b) in enumerate(zip(there, segment.text, strict=False)) if a != b), len(there))
    return begin, begin + same
