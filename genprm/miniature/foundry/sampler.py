"""A quick sampler for making foundation data and for measuring: many conversations at once on one core.

A conversation is a generator: it yields what to read (`Read`), what to write (`Write`) or a verdict to give
(`Verdict`), and gets back the written text or the probability of Yes. The pipeline does not use this module; it
uses the engines.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from genprm.miniature.foundry.network import load_model, turned
from genprm.miniature.foundry.tokenizer import END, build_tokenizer


@dataclass(frozen=True, slots=True)
class Read:
    """The model reads this text."""

    text: str


@dataclass(frozen=True, slots=True)
class Write:
    """The model writes up to and including the first of the stop tokens, at most `limit` tokens."""

    stops: tuple[str, ...] = (END,)
    limit: int = 200


@dataclass(frozen=True, slots=True)
class Verdict:
    """The model says Yes or No; the answer is the probability of Yes against No."""


Conversation = Generator[Read | Write | Verdict, str | float, object]


@dataclass(frozen=True, slots=True)
class Sampling:
    """Temperature, nucleus and number of tokens to choose from (0: all)."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0


JUDGING = Sampling(0.6, 0.95, 20)
# From this many tokens on, given text is read in one go instead of token by token with the others.
_CHUNK = 6


class _Row:
    """One conversation in one row of the batch."""

    def __init__(self, index: int, talk: Conversation, sampler: Sampler) -> None:
        self.index = index
        self.talk = talk
        self.sampler = sampler
        self.position = 0
        self.forced: deque[int] = deque()
        self.written: list[int] = []
        self.request: Read | Write | Verdict | None = None
        self.result: object = None
        self.done = False

    def advance(self, answer: str | float | None) -> None:
        """Goes on to the next request that needs the model."""
        try:
            while True:
                self.request = next(self.talk) if answer is None else self.talk.send(answer)
                if not isinstance(self.request, Read):
                    self.written = []
                    return
                self.forced += self.sampler.encode(self.request.text)
                answer = None
        except StopIteration as end:
            self.result = end.value
            self.done = True

    def take(self, token: int, p_yes: float) -> None:
        """Takes the model's `token` (for a verdict, `p_yes`) as the answer to the current request."""
        if isinstance(self.request, Verdict):
            self.forced.append(self.sampler.yes if p_yes >= 0.5 else self.sampler.no)
            self.advance(p_yes)
            return
        assert isinstance(self.request, Write)
        self.written.append(token)
        self.forced.append(token)
        if token in self.sampler.stop_ids(self.request.stops) or len(self.written) >= self.request.limit:
            self.advance(self.sampler.decode(self.written))


class Sampler:
    """Runs conversations with one model."""

    def __init__(self, folder: Path, rows: int = 64, longest: int = 1000) -> None:
        network = load_model(folder).eval()
        self.shape = network.shape
        self.tokenizer = build_tokenizer()
        self.rows, self.longest = rows, longest
        self.yes, self.no = self.tokenizer.convert_tokens_to_ids(["Yes", "No"])
        self._stops: dict[tuple[str, ...], frozenset[int]] = {}
        weights = network.state_dict()
        self.embedding = weights["model.embed_tokens.weight"]
        self.norm = weights["model.norm.weight"]
        self.layers = [self._layer(weights, f"model.layers.{i}.") for i in range(self.shape.layers)]
        self.cos, self.sin = network.cos.float(), network.sin.float()

    @staticmethod
    def _layer(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
        part = {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}
        names = ("q", "k", "v")
        return {
            "qkv": torch.cat([part[f"self_attn.{n}_proj.weight"] for n in names]),
            "bias": torch.cat([part[f"self_attn.{n}_proj.bias"] for n in names]),
            "out": part["self_attn.o_proj.weight"],
            "gate_up": torch.cat([part["mlp.gate_proj.weight"], part["mlp.up_proj.weight"]]),
            "down": part["mlp.down_proj.weight"],
            "norm1": part["input_layernorm.weight"],
            "norm2": part["post_attention_layernorm.weight"],
        }

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: list[int]) -> str:
        text = self.tokenizer.decode(ids)
        assert isinstance(text, str)
        return text

    def stop_ids(self, stops: tuple[str, ...]) -> frozenset[int]:
        if stops not in self._stops:
            self._stops[stops] = frozenset(self.tokenizer.convert_tokens_to_ids([*stops, END]))
        return self._stops[stops]

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def run(self, talks: Iterable[Conversation], sampling: Sampling, seed: int = 0) -> list[object]:
        """What each conversation returns, in order. Waiting conversations take the rows of finished ones."""
        torch.manual_seed(seed)
        waiting = deque(_Row(index, talk, self) for index, talk in enumerate(talks))
        results: list[object] = [None] * len(waiting)
        size = (
            self.shape.layers,
            2,
            self.rows,
            self.shape.heads,
            self.longest,
            self.shape.width // self.shape.heads,
        )
        memory = torch.zeros(size)
        rows: list[_Row | None] = [None] * self.rows
        while True:
            for place in range(self.rows):
                row = rows[place]
                while row is None or row.done or row.position >= self.longest:
                    if row is not None:
                        results[row.index] = row.result
                        rows[place] = row = None
                    if not waiting:
                        break
                    row = rows[place] = waiting.popleft()
                    row.advance(None)
            live = [place for place, row in enumerate(rows) if row is not None]
            if not live:
                return results
            self._step(rows, live, memory, sampling)

    def _step(self, rows: list[_Row | None], live: list[int], memory: Tensor, sampling: Sampling) -> None:
        current = [(place, row) for place in live if (row := rows[place]) is not None]
        for place, row in current:
            self._read_ahead(row, place, memory)
        tokens = torch.tensor([row.forced.popleft() for _, row in current])
        positions = torch.tensor([row.position for _, row in current])
        wanting = [index for index, (_, row) in enumerate(current) if not row.forced]
        hidden = self._forward(tokens, positions, torch.tensor(live), memory)
        for _, row in current:
            row.position += 1
        if wanting:
            logits = functional.linear(_norm(hidden[wanting], self.norm), self.embedding)
            chosen = _choose(logits, sampling).tolist()
            p_yes = torch.softmax(logits[:, [self.yes, self.no]], -1)[:, 0].tolist()
            for place, token, chance in zip(wanting, chosen, p_yes, strict=True):
                current[place][1].take(token, chance)

    def _read_ahead(self, row: _Row, place: int, memory: Tensor) -> None:
        """Reads a long given text in one go, all but its last token."""
        count = min(len(row.forced), self.longest - row.position) - 1
        if count < _CHUNK:
            return
        tokens = torch.tensor([row.forced.popleft() for _ in range(count)])
        span = torch.arange(row.position, row.position + count)
        seen = torch.arange(row.position + count)[None] <= span[:, None]
        cos, sin = self.cos[span][:, None], self.sin[span][:, None]
        x = self.embedding[tokens]
        for index, layer in enumerate(self.layers):
            q, k, v = self._projected(x, layer, cos, sin)
            keys, values = memory[index, :, place]
            keys[:, span], values[:, span] = k.transpose(0, 1), v.transpose(0, 1)
            keys, values = keys[:, : len(seen[0])], values[:, : len(seen[0])]
            out = functional.scaled_dot_product_attention(q.transpose(0, 1), keys, values, attn_mask=seen)
            x = _mixed(x, out.transpose(0, 1).reshape(count, -1), layer)
        row.position += count

    def _projected(
        self, x: Tensor, layer: dict[str, Tensor], cos: Tensor, sin: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        mixed = functional.linear(_norm(x, layer["norm1"]), layer["qkv"], layer["bias"])
        q, k, v = mixed.view(len(x), 3, self.shape.heads, -1).unbind(1)
        return q * cos + turned(q) * sin, k * cos + turned(k) * sin, v

    def _forward(self, tokens: Tensor, positions: Tensor, places: Tensor, memory: Tensor) -> Tensor:
        longest = int(positions.max()) + 1
        x = self.embedding[tokens]
        cos, sin = self.cos[positions][:, None], self.sin[positions][:, None]
        unseen = (torch.arange(longest)[None] > positions[:, None])[:, None, None].float() * -1e9
        whole = len(tokens) == memory.shape[2]
        for index, layer in enumerate(self.layers):
            q, k, v = self._projected(x, layer, cos, sin)
            keys, values = memory[index]
            keys[places, :, positions] = k
            values[places, :, positions] = v
            keys, values = keys[:, :, :longest], values[:, :, :longest]
            if not whole:
                keys, values = keys[places], values[places]
            scores = q[:, :, None] @ keys.transpose(2, 3) * q.shape[-1] ** -0.5 + unseen
            x = _mixed(x, (scores.softmax(-1) @ values).reshape(len(tokens), -1), layer)
        return x


def _mixed(x: Tensor, attended: Tensor, layer: dict[str, Tensor]) -> Tensor:
    x = x + functional.linear(attended, layer["out"])
    gate, up = functional.linear(_norm(x, layer["norm2"]), layer["gate_up"]).chunk(2, -1)
    return x + functional.linear(functional.silu(gate) * up, layer["down"])


def _norm(x: Tensor, weight: Tensor) -> Tensor:
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * weight


def _choose(logits: Tensor, sampling: Sampling) -> Tensor:
    if sampling.temperature <= 0:
        return logits.argmax(-1)
    values, ids = torch.sort(logits / sampling.temperature, dim=-1, descending=True)
    chances = torch.softmax(values, -1)
    if sampling.top_k:
        chances[:, sampling.top_k :] = 0
    if sampling.top_p < 1:
        before = chances.cumsum(-1) - chances
        chances = torch.where(before < sampling.top_p, chances, torch.zeros(()))
    return ids.gather(-1, torch.multinomial(chances, 1))[:, 0]
