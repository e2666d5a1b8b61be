"""An environment for NeMo-RL: `register_env("genprm", "genprm.policy_rewards.nemo_rl.GenPRMEnvironment")`.

`GenPRMEnvironment` is an actor of Ray. Neither Ray nor NeMo-RL is needed to import this module: the actor is made
when it is asked for. Read from NeMo-RL: `nemo_rl/environments/{interfaces,utils,math_environment}.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from genprm.data_sets.chats import replied
from genprm.policy_rewards.options import read_options, shared_rewards
from genprm.policy_rewards.rewards import numbers
from genprm.policy_rewards.samples import REFERENCE, Sample, named_text, problem_of

if TYPE_CHECKING:
    from nemo_rl.environments.interfaces import EnvironmentReturn


class RewardEnvironment:
    """Rewards the reply of a policy and ends the episode; `config` holds options.

    Raises:
        SettingsError: an option is wrong.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._options = read_options(config)

    def step(
        self, message_log_batch: Sequence[Sequence[Mapping[str, Any]]], metadata: Sequence[Mapping[str, Any]]
    ) -> EnvironmentReturn[Any]:
        """Rewards of a batch of conversations, shape (conversations,).

        Args:
            message_log_batch: the user's turn may be ChatML.
            metadata: `ground_truth` or `answer` is the reference answer; `problem` or `question` takes the place of
                the user's turn.

        Raises:
            InputError: a conversation or its metadata is wrong.
            EngineError, SandboxError: a step without a verdict leaves a reward open, or the judge cannot go on.
        """
        from nemo_rl.environments.interfaces import EnvironmentReturn

        samples = [
            _read(messages, row, f"conversation {index}")
            for index, (messages, row) in enumerate(zip(message_log_batch, metadata, strict=True))
        ]
        rewards = numbers(shared_rewards(self._options).rewards(samples))
        return EnvironmentReturn(
            observations=[{"role": "environment", "content": f"Environment: {reward:g}"} for reward in rewards],
            metadata=list(metadata),
            next_stop_strings=[None] * len(rewards),
            rewards=torch.tensor(rewards),
            terminateds=torch.ones(len(rewards)),
            answers=None,
        )

    def global_post_process_and_metrics(self, batch: Any) -> tuple[Any, dict[str, float]]:
        """The batch as it is, and the mean of its rewards."""
        return batch, {"genprm/mean_reward": float(batch["rewards"].float().mean())}


def _read(messages: Sequence[Mapping[str, Any]], row: Mapping[str, Any], where: str) -> Sample:
    problem = problem_of(row, messages, where)
    return Sample(problem, replied(messages, where), named_text(row, REFERENCE))


def __getattr__(name: str) -> Any:
    if name == "GenPRMEnvironment":
        import ray

        return ray.remote(RewardEnvironment)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
