"""A reward function for `verifiers` (version 1) and prime-rl: `rewards` of a task in its configuration names it,
`genprm = { fn = "genprm.policy_rewards.verifiers:reward" }`. Options are environment variables.

Read from verifiers: `Task.score` in `verifiers/v1/task.py`, where an error is an error of the rollout. `Rubric` of
version 0 would turn an error into the reward 0; do not use this function there.
"""

from __future__ import annotations

from typing import Any

from genprm.data_sets.chats import replied
from genprm.data_sets.written_solutions import PROBLEM
from genprm.policy_rewards.options import read_options, shared_rewards
from genprm.policy_rewards.rewards import numbers
from genprm.policy_rewards.samples import REFERENCE, Sample, named_text


async def reward(task: Any, trace: Any) -> float:
    """The reward of the last reply.

    Args:
        task: the task's data. The problem is its field `problem` or `question`, else its `prompt_text`; the
            reference answer is its field `answer` or `ground_truth`.
        trace: holds the reply, `last_reply`.

    Raises:
        InputError, SettingsError: a field or an option is wrong or missing.
        EngineError, SandboxError: a step without a verdict leaves the reward open, or the judge cannot go on.
    """
    row = {name: getattr(task, name, None) for name in (*PROBLEM, *REFERENCE)}
    problem = named_text(row, PROBLEM) or task.prompt_text
    sample = Sample(problem, replied(trace.last_reply or "", "trace"), named_text(row, REFERENCE))
    return numbers(await shared_rewards(read_options()).rewards_async([sample]))[0]
