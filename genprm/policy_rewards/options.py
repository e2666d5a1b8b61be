"""How rewards are given, set by environment variables or code: a file that a flag points to takes no arguments."""

from __future__ import annotations

import atexit
import json
import os
import threading
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from genprm.data_sets.rows import InputError
from genprm.policy_rewards.choices import Choice
from genprm.policy_rewards.judges import LocalJudge, ServerJudge, StepJudge
from genprm.policy_rewards.rewards import PolicyRewards
from genprm.prm import GenPRM
from genprm.profiles import change_section
from genprm.settings.base import Section, Share
from genprm.verification.rewards import THRESHOLD

PREFIX = "GENPRM_REWARD_"
"""Prefix of an option's environment variable; the name of the option follows in capitals."""
KEY_VARIABLE = "GENPRM_REWARD_API_KEY"
"""Environment variable with the key that the reward server asks for, if it does."""


class RewardOptions(Section):
    """How rewards are given. One of `url` and `model` says who judges; `outcome` needs neither."""

    choice: Choice = Choice.GATED
    """What is rewarded."""
    url: str = ""
    """Address of a running `genprm serve`: the way for training on many processes."""
    model: str = ""
    """A model to load in this process: a directory, a hub id, or `miniature/<name>`."""
    engine: str = "transformers"
    """What runs `model`: transformers, vllm, or the URL of a completions server."""
    votes: Annotated[int, Field(ge=1)] | None = None
    """Verification paths for each solution. None: 1, or as many as the server takes by itself."""
    threshold: Share = THRESHOLD
    """A step is wrong when its reward is below this."""
    thinks: bool = False
    """The chat template of the policy opens the thought in the prompt, so that a response in which no thought ends
    was cut off in it."""
    seconds: Annotated[float, Field(gt=0.0)] = 660.0
    """The longest to wait for the server's answer; a little longer than it waits itself."""


def read_options(given: Mapping[str, Any] | None = None) -> RewardOptions:
    """The options of the environment, overridden by those in `given`.

    Raises:
        SettingsError: a name or a value that is not allowed.
    """
    names = {name: PREFIX + name.upper() for name in RewardOptions.model_fields}
    said = [f"reward.{name}={os.environ[variable]}" for name, variable in names.items() if os.environ.get(variable)]
    said += [f"reward.{name}={json.dumps(value, default=str)}" for name, value in (given or {}).items()]
    return change_section(RewardOptions(), said, "reward")


def open_rewards(options: RewardOptions) -> PolicyRewards:
    """Rewards as the options say, ready for use.

    Raises:
        InputError: neither or both of `url` and `model` are set.
        EngineError, SandboxError: the model cannot be loaded.
    """
    if options.choice is Choice.OUTCOME:
        return PolicyRewards(options.choice, None, thinks=options.thinks)
    if bool(options.url) == bool(options.model):
        raise InputError(
            f"reward.url is {options.url!r} and reward.model is {options.model!r}, allowed: one of them "
            f"(environment variables {PREFIX}URL and {PREFIX}MODEL)"
        )
    judge: StepJudge
    if options.url:
        judge = ServerJudge(options.url, options.votes, options.seconds, os.environ.get(KEY_VARIABLE))
    else:
        judge = LocalJudge(GenPRM.load(options.model, options.engine), options.votes or 1)
    return PolicyRewards(options.choice, judge, options.threshold, options.thinks)


_opened: dict[RewardOptions, PolicyRewards] = {}
_opening = threading.Lock()


def shared_rewards(options: RewardOptions) -> PolicyRewards:
    """`open_rewards`, once in a process: frameworks call reward functions from many threads."""
    with _opening:
        if options not in _opened:
            _opened[options] = open_rewards(options)
        return _opened[options]


@atexit.register
def close_shared_rewards() -> None:
    """Free what `shared_rewards` opened. The end of the process does so, too: no sandbox outlives it."""
    with _opening:
        while _opened:
            _opened.popitem()[1].close()
