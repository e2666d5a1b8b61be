"""Lines of progress, where several updates are taken from one batch of verifications."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from genprm.training.launch import progress_of
from genprm.training.rl import lines
from genprm.training.rl.lines import RewardLines


def batch(reward: float) -> dict[str, float]:
    """What is told of a batch at its first update."""
    return {"reward": reward, "frac_reward_zero_std": 0.5, "right": 0.25, "tokens": 7.0, "loss": 0.1, "kl": 0.01}


def test_every_update_has_a_line_in_its_turn_and_the_last_one_always(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An update takes two seconds, and three have to lie between lines."""
    clock = [100.0]
    monkeypatch.setattr(lines, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    told = RewardLines()
    for step in range(1, 9):
        logs = batch(0.1 * step) if step % 4 == 1 else {"loss": 0.1, "kl": 0.001 * step}
        told.on_log(None, SimpleNamespace(global_step=step, max_steps=8), None, logs)
        clock[0] += 2
    told.on_log(None, SimpleNamespace(global_step=8, max_steps=8), None, {"train_loss": 0.1})
    printed = capsys.readouterr().out.splitlines()
    assert [progress_of(line) for line in printed] == [(step, 8) for step in (1, 3, 5, 7, 8)]
    assert [line.split("reward ")[1][:5] for line in printed] == ["0.100", "0.100", "0.500", "0.500", "0.500"]
    assert [line.split("kl ")[1][:6] for line in printed] == ["0.0100", "0.0030", "0.0100", "0.0070", "0.0080"]
