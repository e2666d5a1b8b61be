r"""Implicit reward models: how much more probable a solution is under the model than under a reference.

Reward up to step t: q_t = beta * sum over response tokens i <= end of step t of log(pi(y_i) / pi_ref(y_i))
(Yuan et al., arXiv 2412.01981, proposition 3.1); its sigmoid is the step's reward in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch

from genprm.records import StepwiseSolution
from genprm.reward_models.base import Progress, SolutionScore
from genprm.reward_models.layouts import Response
from genprm.reward_models.networks.forward import LocalRewardModel, batches, check_lengths, marked_states
from genprm.settings import EngineSettings

_LOGIT_ROWS = 256
"""Positions whose logits over the whole vocabulary are held at a time."""


ResponseLayout: TypeAlias = Callable[[str, Sequence[str]], Response]
"""A problem and its steps as one response."""


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
    """A causal language model and its reference; one forward pass of each per solution."""

    def __init__(
        self, name: str, networks: tuple[Any, Any], layout: ResponseLayout, beta: float, settings: EngineSettings
    ) -> None:
        super().__init__(name, networks, settings)
        self._layout = layout
        self._beta = beta

    def _scores(self, solutions: Sequence[StepwiseSolution], progress: Progress | None) -> list[SolutionScore]:
        responses = [self._layout(solution.problem, solution.steps) for solution in solutions]
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
