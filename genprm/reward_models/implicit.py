r"""Implicit reward models: how much likelier a solution is under the model than under a reference (EurusPRM).

Reward up to step t: q_t = beta * sum over response tokens i <= end of step t of log(pi(y_i) / pi_ref(y_i))
(Yuan et al., arXiv 2412.01981, proposition 3.1); its sigmoid is the step's reward in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from genprm.engines.base import EngineError
from genprm.engines.encoding import encode_text_at
from genprm.engines.loading import load_tokenizer
from genprm.records import Message
from genprm.reward_models.base import Progress, SolutionScore, StepwiseSolution
from genprm.reward_models.checkpoint import load_causal
from genprm.reward_models.forward import LocalRewardModel, MarkedTokens, batches, check_lengths, marked_states
from genprm.reward_models.layouts import REPLY, around_replies, numbered, token_at
from genprm.settings import EngineSettings

EURUS_REFERENCE = "Qwen/Qwen2.5-Math-7B-Instruct"
"""The model that EurusPRM was trained from."""
EURUS_BETA = 0.005
"""As in its authors' ProcessBench script; their model card's example uses 0.001."""
_SEPARATOR = "\n\n"
_LOGIT_ROWS = 256
"""Positions whose logits over the whole vocabulary are held at a time."""


@dataclass(frozen=True, slots=True)
class Response:
    """A chat whose response tokens are predicted at `row.marks`; step t ends with the response token `ends[t]`."""

    row: MarkedTokens
    ends: list[int]


def response_rows(tokenizer: Any, model: str, problem: str, steps: Sequence[str]) -> Response:
    """User: the problem; assistant: `Step n: ...`, parted by blank lines. A step ends with its last character.

    Raises:
        EngineError: the chat template does not keep the solution as it is.
    """
    lead, tail = around_replies(tokenizer, model, [Message("user", problem), Message("assistant", REPLY)])
    pieces = numbered(steps)
    ids, spans = encode_text_at(tokenizer, lead + _SEPARATOR.join(pieces) + tail)
    begins = [begin for begin, _ in spans]
    first = token_at(begins, len(lead))
    ends: list[int] = []
    position = len(lead)
    for piece in pieces:
        position += len(piece)
        ends.append(token_at(begins, position - 1) - first)
        position += len(_SEPARATOR)
    return Response(MarkedTokens(ids, list(range(first - 1, first + ends[-1]))), ends)


def log_probabilities(language_head: Any, states: torch.Tensor, targets: Sequence[int]) -> torch.Tensor:
    """log P of each target (nats, float64) from the hidden states (targets, hidden size) that predict them."""
    wanted = torch.tensor(targets)
    parts = []
    for begin in range(0, len(targets), _LOGIT_ROWS):
        part = slice(begin, begin + _LOGIT_ROWS)
        with torch.inference_mode():
            logits = language_head(states[part].to(language_head.weight.device)).float()
            chosen = wanted[part, None].to(logits.device)
            parts.append(torch.log_softmax(logits, dim=-1).gather(1, chosen).squeeze(1))
    return torch.cat(parts).double().cpu()


class ImplicitRewardModel(LocalRewardModel):
    """Two causal language models; one forward pass of each per solution."""

    def __init__(
        self, name: str, tokenizer: Any, network: Any, reference: Any, beta: float, settings: EngineSettings
    ) -> None:
        super().__init__(name, [network, reference], settings)
        self._tokenizer = tokenizer
        self._beta = beta

    def _scores(self, solutions: Sequence[StepwiseSolution], progress: Progress | None) -> list[SolutionScore]:
        responses = [response_rows(self._tokenizer, self._name, problem, steps) for problem, steps in solutions]
        check_lengths(self._name, [response.row for response in responses], self._max_context)
        scores: dict[int, SolutionScore] = {}
        for group in batches([len(response.row.ids) for response in responses]):
            for index, rewards in zip(group, self._rewards([responses[i] for i in group]), strict=True):
                scores[index] = SolutionScore(rewards, [rewards], 2 * len(responses[index].row.ids))
                if progress is not None:
                    progress(1)
        return [scores[index] for index in range(len(responses))]

    def _rewards(self, responses: Sequence[Response]) -> list[list[float]]:
        own, reference = (self._log_probabilities(network, responses) for network in self._networks)
        rewards = []
        for mine, theirs, response in zip(own, reference, responses, strict=True):
            q = self._beta * torch.cumsum(mine - theirs, dim=0)
            rewards.append(torch.sigmoid(q[response.ends]).tolist())
        return rewards

    def _log_probabilities(self, network: Any, responses: Sequence[Response]) -> list[torch.Tensor]:
        head = network.get_output_embeddings()
        rows = [response.row for response in responses]
        return [
            log_probabilities(head, states, [row.ids[mark + 1] for mark in row.marks])
            for states, row in zip(marked_states(network.base_model, rows), rows, strict=True)
        ]


def load_eurus(model: str, settings: EngineSettings, reference: str = EURUS_REFERENCE) -> ImplicitRewardModel:
    """EurusPRM stage 1 and 2 with their reference model.

    Raises:
        EngineError: a file of either is missing or wrong, or their vocabularies differ in size.
    """
    tokenizer = load_tokenizer(model)
    network, other = load_causal(model, settings), load_causal(reference, settings)
    sizes = [one.get_output_embeddings().weight.shape[0] for one in (network, other)]
    if sizes[0] != sizes[1]:
        raise EngineError(
            f"model {model!r} has {sizes[0]} token ids, its reference {reference!r} has {sizes[1]}; "
            "a reference shares the vocabulary"
        )
    return ImplicitRewardModel(model, tokenizer, network, other, EURUS_BETA, settings)
