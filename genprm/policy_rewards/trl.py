"""Reward functions for TRL: `reward_funcs=[genprm_reward]` of `GRPOTrainer` and its kin, or `genprm_reward_async`.

Both are functions of a module, so that they can be pickled, and `functools.partial(f, reward_options={...})` sets
options in code. Read from trl 1.16: `GRPOTrainer._calculate_rewards` and `_AsyncRolloutLoop._score_group`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from genprm.data_sets.chats import replied
from genprm.policy_rewards.options import read_options, shared_rewards
from genprm.policy_rewards.samples import REFERENCE, Sample, named_text, problem_of

LogMetric = Callable[[str, float], None]


def genprm_reward(
    prompts: Sequence[Any],
    completions: Sequence[Any],
    *,
    log_metric: LogMetric | None = None,
    reward_options: Mapping[str, Any] | None = None,
    **columns: Any,
) -> list[float | None]:
    """A reward for each completion; None, which TRL leaves out, where a step without a verdict leaves it open.

    Args:
        prompts: texts or messages. A column `problem` or `question` takes their place.
        completions: texts or messages.
        columns: those of the data set, one value per completion; the reference answer is in `answer` or
            `ground_truth`.

    Raises:
        InputError, SettingsError: an option or a column is wrong or missing.
        EngineError, SandboxError: the judge cannot go on.
    """
    rewards = shared_rewards(read_options(reward_options)).rewards(_samples(prompts, completions, columns))
    return _logged(rewards, log_metric)


async def genprm_reward_async(
    prompts: Sequence[Any],
    completions: Sequence[Any],
    *,
    log_metric: LogMetric | None = None,
    reward_options: Mapping[str, Any] | None = None,
    **columns: Any,
) -> list[float | None]:
    """`genprm_reward` as a coroutine: TRL calls asynchronous reward functions concurrently."""
    rewards = shared_rewards(read_options(reward_options))
    return _logged(await rewards.rewards_async(_samples(prompts, completions, columns)), log_metric)


def _samples(prompts: Sequence[Any], completions: Sequence[Any], columns: Mapping[str, Any]) -> list[Sample]:
    lists = {name: column for name, column in columns.items() if isinstance(column, list)}
    samples = []
    for index, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
        row = {name: column[index] for name, column in lists.items() if len(column) == len(prompts)}
        problem = problem_of(row, prompt, f"prompts[{index}]")
        samples.append(Sample(problem, replied(completion, f"completions[{index}]"), named_text(row, REFERENCE)))
    return samples


def _logged(rewards: list[float | None], log_metric: LogMetric | None) -> list[float | None]:
    if log_metric is not None and rewards:
        log_metric("genprm/unjudged", rewards.count(None) / len(rewards))
    return rewards
