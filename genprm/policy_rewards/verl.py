"""A reward function for verl: `reward.custom_reward_function.path` points to this file, `.name` is `compute_score`,
and `.reward_kwargs` may hold options.

Read from verl: `verl/trainer/ppo/reward.py` and `verl/experimental/reward_loop/reward_manager/naive.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genprm.data_sets.chats import replied
from genprm.data_sets.rows import InputError, names
from genprm.data_sets.written_solutions import PROBLEM
from genprm.policy_rewards.options import read_options, shared_rewards
from genprm.policy_rewards.rewards import numbers
from genprm.policy_rewards.samples import Sample, named_text


async def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    **options: Any,
) -> float:
    """The reward of one response.

    Args:
        ground_truth: the reference answer.
        extra_info: holds the problem as `problem` or `question`.

    Raises:
        InputError, SettingsError: the problem is missing, or an option is wrong.
        EngineError, SandboxError: a step without a verdict leaves the reward open, or the judge cannot go on.
    """
    problem = named_text(extra_info or {}, PROBLEM)
    if problem is None:
        raise InputError(
            f"extra_info of a row of {data_source!r} has {names(extra_info or {})}, allowed: the problem as "
            f"{' or '.join(map(repr, PROBLEM))}"
        )
    reference = None if ground_truth is None else str(ground_truth)
    sample = Sample(problem, replied(solution_str, "solution_str"), reference)
    return numbers(await shared_rewards(read_options(options)).rewards_async([sample]))[0]
