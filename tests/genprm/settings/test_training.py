"""The section on training."""

from __future__ import annotations

import re

import pytest

from genprm.profiles import load_profile
from genprm.settings import SettingsError

RL = ("training.rl.solutions=6", "training.rl.group=4", "training.rl.updates_per_batch=3")
"""24 verifications, 8 of them for an update."""


def test_verifications_of_a_batch_are_split_into_whole_updates_on_the_device() -> None:
    for size in (1, 2, 4, 8):
        load_profile("paper-7b", [*RL, f"training.device_batch_size={size}"])
    line = (
        "training: rl.solutions 6 x rl.group 4 = 24 verifications, allowed: a multiple of rl.updates_per_batch 3 x "
        "device_batch_size 16 = 48"
    )
    with pytest.raises(SettingsError, match=f"^{re.escape(line)}$"):
        load_profile("paper-7b", [*RL, "training.device_batch_size=16"])
