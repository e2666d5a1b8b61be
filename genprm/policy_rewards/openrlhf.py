"""A reward function for OpenRLHF: `--reward.remote_url` points to this file. Options are environment variables.

Read from OpenRLHF: `SingleTurnAgentExecutor` in `openrlhf/utils/agent.py`, which calls `reward_func` in a thread
with lists of one. An error is logged there, and the sample has no reward.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from genprm.data_sets.chats import asked, replied
from genprm.data_sets.rows import InputError
from genprm.policy_rewards.options import read_options, shared_rewards
from genprm.policy_rewards.rewards import numbers
from genprm.policy_rewards.samples import Sample


def reward_func(
    queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any], **_: Any
) -> dict[str, torch.Tensor | dict[str, torch.Tensor]]:
    """Rewards of responses.

    Args:
        queries: prompt and response as one text, with special tokens.
        prompts: plain texts or ChatML.
        labels: the reference answers.

    Returns:
        `rewards` and `scores`: one number per query, shape (queries,); `extra_logs`: nothing.

    Raises:
        InputError, SettingsError: a query or an option is wrong.
        EngineError, SandboxError: a step without a verdict leaves a reward open, or the judge cannot go on.
    """
    samples = []
    for index, (query, prompt, label) in enumerate(zip(queries, prompts, labels, strict=True)):
        if not query.startswith(prompt):
            raise InputError(f"queries[{index}] does not begin with its prompt")
        response = replied(query.removeprefix(prompt), f"queries[{index}]")
        reference = None if label in (None, "") else str(label)
        samples.append(Sample(asked(prompt, f"prompts[{index}]"), response, reference))
    rewards = torch.tensor(numbers(shared_rewards(read_options()).rewards(samples)))
    return {"rewards": rewards, "scores": rewards, "extra_logs": {}}
