"""The running batch: sequences join at any step, one token is decoded for all of them, finished ones leave.

A sequence joins with its prompt, less the last token, already in its slot; the last prompt token is the first
input of decoding. So prefill never needs logits, and the samples of one prompt share its prefill.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch

from genprm.engines.base import Completion, Sampling
from genprm.engines.embedded.alone import AloneReader
from genprm.engines.embedded.fine_logits import FineLogits
from genprm.engines.embedded.prefixes import PrefixCache
from genprm.engines.embedded.sampling import Choice, Chooser, uniform_stream
from genprm.engines.embedded.slots import Extension, Slots
from genprm.engines.tokenizer import ModelTokenizer
from genprm.engines.vocabulary import cut_at_stop
from genprm.hardware.inference_memory import PREFILL_TOKENS, padded

_PASS_TOKENS = {"cpu": 48, "cuda": 2048}
"""Tokens of padding that cost about as much as one more forward pass, by device."""

_SURE = 1 - 1e-5
"""Where the most probable token has at least this probability, rounding changes the log-probabilities of the others
too little to be seen in a probability of six digits."""

_ALONE = 4
"""The part of the kept bytes, one in so many, that is for rows computed alone."""

_GROWTH = 8
"""A sequence joins only if all have room to grow by one token in so many, or it would soon have to leave again."""

_DRAWN = 64
"""Random numbers drawn at a time for a sequence."""


@dataclass(eq=False)
class Decoding:
    """One sample being decoded: sample `index` of a prompt. `dropped()` says whether its caller is gone."""

    prompt: tuple[int, ...]
    sampling: Sampling
    index: int
    limit: int
    dropped: Callable[[], bool]
    done: Callable[[Completion], None]
    ids: list[int] = field(default_factory=list)
    top: list[Mapping[str, float]] = field(default_factory=list)

    @property
    def length(self) -> int:
        """How many `tokens` there are."""
        return len(self.prompt) + len(self.ids)

    @property
    def tokens(self) -> tuple[int, ...]:
        """The prompt and what was decoded of the completion so far."""
        return (*self.prompt, *self.ids)


class Batch:
    """Rows 0, 1, 2, ... of the slots; arrays hold what every step needs, in row order. At most `kept` bytes of
    computed keys and values are kept for reuse, and the slots have room for `room` tokens (None: for any number).

    Where sequences outgrow this room, those with the shortest completions leave. They are in `displaced`, and go on
    where they were when they join again.
    """

    def __init__(
        self, model: Any, tokenizer: ModelTokenizer, rows: int, kept: int, room: int | None = None
    ) -> None:
        self._model = model
        self._device = next(model.parameters()).device
        self._tokenizer = tokenizer
        self._size = size = tokenizer.size
        self._fine = FineLogits(model)
        self._room = room
        self._slots = Slots(rows, tokenizer.context, room)
        self.displaced: list[Decoding] = []
        """Sequences that had to leave; the last one is the first to join again."""
        self.prefixes = PrefixCache(kept - kept // _ALONE)
        self.alone = AloneReader(model, tokenizer.context, kept // _ALONE)
        """Computes rows in doubt once more."""
        self.tokens_seen = 0
        """Prompt tokens of all sequences that joined."""
        self.tokens_reused = 0
        """Prompt tokens that did not have to be computed."""
        self._ends = np.zeros(size, dtype=bool)
        self._ends[[token for token in tokenizer.ends if token < size]] = True
        self._check_of: dict[tuple[str, ...], int] = {(): 0}
        self._checked = np.stack([self._ends])
        self.sequences: list[Decoding] = []
        self._streams: list[np.random.Generator] = []
        self._tokens = np.zeros(rows, dtype=np.int64)
        self._lengths = np.zeros(rows, dtype=np.int64)
        self._left = np.zeros(rows, dtype=np.int64)
        self._check = np.zeros(rows, dtype=np.int64)
        self._temperature = np.zeros(rows)
        self._top_p = np.ones(rows)
        self._top_k = np.zeros(rows, dtype=np.int64)
        self._logprobs = np.zeros(rows, dtype=np.int64)
        self._drawn = np.zeros(rows, dtype=np.int64)
        self._uniforms = np.zeros((rows, _DRAWN), dtype=np.float32)
        self._arrays = (
            self._tokens, self._lengths, self._left, self._check, self._temperature, self._top_p, self._top_k,
            self._logprobs, self._drawn, self._uniforms,
        )  # fmt: skip
        self._chooser: Chooser | None = None

    def __len__(self) -> int:
        return len(self.sequences)

    def has_room(self, joining: Sequence[Decoding]) -> bool:
        """Whether these sequences can join; a single one always can."""
        rows = len(self) + len(joining)
        if self._room is None or rows == 1:
            return True
        longest = max(self._columns(), *(sequence.length for sequence in joining))
        return rows * padded(longest + longest // _GROWTH) <= self._room

    def join(self, sequences: Sequence[Decoding]) -> None:
        """Prefill the tokens (each distinct prompt once, and only what is not cached) and add the sequences."""
        rows: dict[tuple[int, ...], list[Decoding]] = defaultdict(list)
        for sequence in sequences:
            rows[sequence.tokens].append(sequence)
        prefixes = {prompt: self.prefixes.find(prompt[:-1]) for prompt in rows}
        prompts = sorted(rows, key=lambda prompt: len(prompt) - prefixes[prompt].length)
        first = len(self)
        for prompt in prompts:
            self._add(rows[prompt][0])
        copies = {
            row: [self._add(other) for other in rows[prompt][1:]] for row, prompt in enumerate(prompts, first)
        }
        starts = np.array([prefixes[prompt].length for prompt in prompts])
        missing = self._lengths[first : first + len(prompts)] - starts
        runs = _similar(missing, PREFILL_TOKENS, _PASS_TOKENS.get(self._device.type, 0))
        self._fit(max(int(starts[begin:end].max() + missing[end - 1]) for begin, end in runs))
        for row, prompt in enumerate(prompts, first):
            if prefixes[prompt].length:
                self._slots.put(row, prefixes[prompt].state())
        for begin, end in runs:
            self._prefill(prompts[begin:end], first + begin, starts[begin:end])
        for row, others in copies.items():
            if others:
                self._slots.copy(row, others, int(self._lengths[row]))
        for row, prompt in enumerate(prompts, first):
            if not self.sequences[row].ids:
                self.tokens_seen += len(prompt) * len(rows[prompt])
                self.tokens_reused += prefixes[prompt].length + len(prompt) * len(copies[row])
        self._chooser = None

    def _fit(self, columns: int = 0) -> None:
        self._slots.fit(len(self), max(columns, self._columns()))

    def _columns(self) -> int:
        """Tokens of the longest sequence after the next step."""
        return int(self._lengths[: len(self)].max(initial=0)) + 1

    def _displace(self) -> None:
        """Let the sequences with the shortest completions leave until the others have room for the next step."""
        if self._room is None:
            return
        while len(self) > 1 and len(self) * padded(self._columns()) > self._room:
            row = min(range(len(self)), key=lambda row: len(self.sequences[row].ids))
            self.displaced.append(self.sequences[row])
            self._leave([row])

    def _add(self, sequence: Decoding) -> int:
        row, sampling = len(self.sequences), sequence.sampling
        stream = uniform_stream(sampling.seed, sequence.index, sequence.prompt)
        stream.random(len(sequence.ids), dtype=np.float32)  # what was decoded has used these numbers
        self.sequences.append(sequence)
        self._streams.append(stream)
        self._tokens[row] = (sequence.ids or sequence.prompt)[-1]
        self._lengths[row] = sequence.length - 1
        self._left[row] = sequence.limit - len(sequence.ids)
        self._check[row] = self._checks_for(sampling.stop)
        self._temperature[row] = sampling.temperature
        self._top_p[row] = sampling.top_p
        self._top_k[row] = sampling.top_k
        self._logprobs[row] = min(sampling.logprobs, self._size)
        self._drawn[row] = _DRAWN
        return row

    def _checks_for(self, stops: tuple[str, ...]) -> int:
        if stops not in self._check_of:
            self._check_of[stops] = len(self._checked)
            suspects = self._ends | self._tokenizer.vocabulary.enders(stops)
            self._checked = np.stack([*self._checked, suspects])
        return self._check_of[stops]

    def _prefill(self, prompts: Sequence[tuple[int, ...]], first: int, starts: np.ndarray) -> None:
        """Read what is missing of `prompts`, whose rows are `first`, `first` + 1, ... and hold `starts` tokens so
        far."""
        width = max(len(prompt) - 1 - start for prompt, start in zip(prompts, starts, strict=True))
        if width == 0:
            return
        tokens = np.zeros((len(prompts), width), dtype=np.int64)
        for line, prompt, start in zip(tokens, prompts, starts, strict=True):
            line[: len(prompt) - 1 - start] = prompt[start:-1]
        extension = Extension(self._slots, first, self._tensor(starts), width, fresh=not starts.any())
        # Padding stays within the positions that the model knows.
        last = self._tensor(self._lengths[first : first + len(prompts), None])
        self._model.base_model(
            input_ids=self._tensor(tokens),
            position_ids=torch.minimum(extension.columns, last),
            use_cache=False,
            extension=extension,
        )

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array.copy()).to(self._device)

    def step(self) -> None:
        """Decode one token for every row; sequences that end are handed back and leave."""
        self._displace()
        count = len(self.sequences)
        lengths = self._lengths[:count]
        self._fit()
        extension = Extension(self._slots, 0, self._tensor(lengths), tokens=1)
        asked = np.flatnonzero(self._logprobs[:count])
        most = int(self._logprobs[:count].max())
        self._fine.ask(asked.tolist(), most)
        logits = (
            self._model(
                input_ids=self._tensor(self._tokens[:count, None]),
                position_ids=extension.columns,
                use_cache=False,
                extension=extension,
            )
            .logits[:, -1, : self._size]
            .float()
        )
        if self._chooser is None:
            self._chooser = self._chooser_of(slice(count))
        uniforms = self._uniform(count)
        choice = self._chooser(logits, self._tensor(uniforms))
        chosen = choice.tokens.cpu().numpy()
        for row in self._in_doubt(choice, asked, logits):
            sequence = self.sequences[row]
            logits[row] = self.alone.logits(sequence.tokens)[: self._size]
            chosen[row] = self._chosen_alone(row, logits, uniforms)
        self._note_logprobs(asked, most, logits)
        self._tokens[:count] = chosen
        lengths += 1
        self._left[:count] -= 1
        for sequence, token in zip(self.sequences, chosen.tolist(), strict=True):
            sequence.ids.append(token)
        suspects = self._checked[self._check[:count], chosen] | (self._left[:count] <= 0)
        self._leave([row for row in np.flatnonzero(suspects).tolist() if self._end_row(row)])

    def _chooser_of(self, rows: slice) -> Chooser:
        return Chooser(self._temperature[rows], self._top_p[rows], self._top_k[rows], self._device)

    def _in_doubt(self, choice: Choice, asked: np.ndarray, logits: torch.Tensor) -> list[int]:
        """Rows in which rounding, which depends on the other rows, might change the token or the digits of
        log-probabilities that were asked for."""
        if self._model.dtype != torch.float32:
            return []
        doubt: np.ndarray = choice.close.cpu().numpy()
        if len(asked):
            best = logits[torch.from_numpy(asked).to(logits.device)].softmax(-1).amax(-1)
            doubt[asked] |= (best < _SURE).cpu().numpy()
        rows: list[int] = np.flatnonzero(doubt).tolist()
        return rows

    def _chosen_alone(self, row: int, logits: torch.Tensor, uniforms: np.ndarray) -> int:
        alone = slice(row, row + 1)
        return int(self._chooser_of(alone)(logits[alone], self._tensor(uniforms[alone])).tokens)

    def _uniform(self, count: int) -> np.ndarray:
        for row in np.flatnonzero(self._drawn[:count] == _DRAWN).tolist():
            # 1 - [0, 1) lies in (0, 1]: a choice without mass can never be drawn.
            self._uniforms[row] = 1.0 - self._streams[row].random(_DRAWN, dtype=np.float32)
            self._drawn[row] = 0
        drawn: np.ndarray = self._uniforms[np.arange(count), self._drawn[:count]]
        self._drawn[:count] += 1
        return drawn

    def _note_logprobs(self, rows: np.ndarray, most: int, logits: torch.Tensor) -> None:
        if not len(rows):
            return
        values, tokens = logits[torch.from_numpy(rows).to(logits.device)].log_softmax(-1).topk(most, dim=-1)
        for row, row_tokens, row_values in zip(rows.tolist(), tokens.tolist(), values.tolist(), strict=True):
            ranked = dict(zip(row_tokens, row_values, strict=True))
            self.sequences[row].top.append(self._tokenizer.top_texts(ranked, int(self._logprobs[row])))

    def _end_row(self, row: int) -> bool:
        """Whether the newest token ends the row; if so the completion is handed back."""
        sequence = self.sequences[row]
        if not (self._ends[sequence.ids[-1]] or self._left[row] <= 0 or self._stops(sequence)):
            return False
        prompt_tokens = len(sequence.prompt)
        sequence.done(self._tokenizer.completion(sequence.ids, sequence.sampling, prompt_tokens, sequence.top))
        return True

    def _stops(self, sequence: Decoding) -> bool:
        """Whether a stop string is complete, first looked for among the last tokens, which are decoded sooner."""
        stops = sequence.sampling.stop
        if not stops:
            return False
        tail = max(len(stop.encode()) for stop in stops) + 4
        texts = map(self._tokenizer.vocabulary.decode, (sequence.ids[-tail:], sequence.ids))
        return all(cut_at_stop(text, stops)[1] is not None for text in texts)

    def drop(self) -> None:
        """Let go of the sequences that nobody waits for."""
        self._leave([row for row, sequence in enumerate(self.sequences) if sequence.dropped()])

    def _leave(self, rows: list[int]) -> None:
        if not rows:
            return
        for row in rows:
            sequence = self.sequences[row]
            known = sequence.tokens[: self._lengths[row]]
            self.prefixes.add(known, partial(self._slots.take, row))
        kept = len(self.sequences) - len(rows)
        leaving = set(rows)
        holes = [row for row in rows if row < kept]
        movers = [row for row in range(kept, len(self.sequences)) if row not in leaving]
        if holes:
            self._slots.copy(movers, holes, int(self._lengths[movers].max()))
            for array in self._arrays:
                array[holes] = array[movers]
            for hole, mover in zip(holes, movers, strict=True):
                self.sequences[hole] = self.sequences[mover]
                self._streams[hole] = self._streams[mover]
        del self.sequences[kept:], self._streams[kept:]
        self._chooser = None


def _similar(lengths: np.ndarray, budget: int, padding: int) -> list[tuple[int, int]]:
    """Runs (begin, end) of ascending `lengths` with a padded size of at most `budget` (at least one each).

    A length that would add more than `padding` tokens of padding to a run begins the next, as does the first length
    above zero.
    """
    runs: list[tuple[int, int]] = []
    begin = 0
    for end in range(1, len(lengths) + 1):
        if end < len(lengths) and (end + 1 - begin) * lengths[end] <= budget:
            longest = lengths[end - 1]
            if lengths[end] == 0 or (longest > 0 and (end - begin) * (lengths[end] - longest) <= padding):
                continue
        runs.append((begin, end))
        begin = end
    return runs
