"""A reward function for slime: `--custom-rm-path genprm.policy_rewards.slime.reward`, with or without `--group-rm`.
Options are environment variables.

Read from slime: `slime/rollout/rm_hub/__init__.py` and `Sample` in `slime/utils/types.py`.
"""

from __future__ import annotations

from typing import Any, overload

from genprm.data_sets.chats import replied
from genprm.policy_rewards.options import read_options, shared_rewards
from genprm.policy_rewards.rewards import numbers
from genprm.policy_rewards.samples import Sample, problem_of


@overload
async def reward(args: Any, sample: list[Any], **_: Any) -> list[float]: ...
@overload
async def reward(args: Any, sample: Any, **_: Any) -> float: ...
async def reward(args: Any, sample: Any, **_: Any) -> float | list[float]:
    """The reward of a sample, or of each of several.

    Args:
        sample: slime's, with `prompt` (messages, a plain text or ChatML), `response` and `label`, the reference
            answer. The problem is what the prompt asks, unless `metadata` has a `problem` or `question`.

    Raises:
        InputError, SettingsError: a sample or an option is wrong.
        EngineError, SandboxError: a step without a verdict leaves a reward open, or the judge cannot go on.
    """
    group = sample if isinstance(sample, list) else [sample]
    samples = [_read(one, f"sample {index}") for index, one in enumerate(group)]
    rewards = numbers(await shared_rewards(read_options()).rewards_async(samples))
    return rewards if isinstance(sample, list) else rewards[0]


def _read(sample: Any, where: str) -> Sample:
    metadata = sample.metadata if isinstance(sample.metadata, dict) else {}
    problem = problem_of(metadata, sample.prompt, f"{where}: prompt")
    reference = None if sample.label is None else str(sample.label)
    return Sample(problem, replied(sample.response, f"{where}: response"), reference)
