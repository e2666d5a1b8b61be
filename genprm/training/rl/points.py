"""What is told of a training by reinforcement, update by update."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from genprm.training.rl.episodes import Episode

EPISODES_FILE = "episodes.json"
_RAN = "ok"


@dataclass(frozen=True, slots=True)
class EpisodePoint:
    """One update: mean reward of its batch of verifications, and what else they were like.

    `signal` is the share of groups whose rewards differ, `right` that of verifications which name the first wrong
    step, or none where there is none. `false_alarm` is the share of right solutions in which a step was judged
    wrong, `missed` that of wrong ones in which none was. A verification has `length` tokens, `tokens` of them by
    the model, and `code_blocks` blocks, of which the share `code_runs` ran without an error. What there was nothing
    to measure on is None.
    """

    step: int
    reward: float
    signal: float
    right: float
    false_alarm: float | None
    missed: float | None
    malformed: float
    length: float
    tokens: float
    code_blocks: float
    code_runs: float | None
    clipped: float | None
    entropy: float | None
    kl: float | None


def measures_of(episodes: Sequence[Episode]) -> dict[str, float]:
    """What `EpisodePoint` says of verifications, as far as there is something to take a share of."""
    statuses = [status for episode in episodes for status in episode.executions]
    sound = [episode for episode in episodes if episode.label < 0]
    wrong = [episode for episode in episodes if episode.label >= 0]
    shares = {
        "right": _share([episode.prediction == episode.label for episode in episodes]),
        "false_alarm": _share([(episode.prediction or 0) >= 0 and episode.well_formed for episode in sound]),
        "missed": _share([episode.prediction == -1 for episode in wrong]),
        "malformed": _share([not episode.well_formed for episode in episodes]),
        "code_runs": _share([status == _RAN for status in statuses]),
    }
    means = {
        "tokens": statistics.fmean(episode.tokens for episode in episodes),
        "code_blocks": len(statuses) / len(episodes),
    }
    return {**means, **{name: share for name, share in shares.items() if share is not None}}


def _share(found: Sequence[bool]) -> float | None:
    return sum(found) / len(found) if found else None


def episode_points(history: Sequence[Mapping[str, float]]) -> list[EpisodePoint]:
    """The points of a trainer's log; updates of one batch have the batch's in common, told at its first one."""
    return [_point(logs) for logs in history if "reward" in logs]


def _point(logs: Mapping[str, float]) -> EpisodePoint:
    return EpisodePoint(
        step=int(logs["step"]),
        reward=logs["reward"],
        signal=1 - logs["frac_reward_zero_std"],
        right=logs["right"],
        false_alarm=logs.get("false_alarm"),
        missed=logs.get("missed"),
        malformed=logs["malformed"],
        length=logs["length"],
        tokens=logs["tokens"],
        code_blocks=logs["code_blocks"],
        code_runs=logs.get("code_runs"),
        clipped=logs.get("clip_ratio/region_mean"),
        entropy=logs.get("entropy"),
        kl=logs.get("kl"),
    )


def write_points(points: Sequence[EpisodePoint], checkpoint: Path) -> None:
    """Write the curve into a checkpoint."""
    (checkpoint / EPISODES_FILE).write_text(json.dumps([asdict(point) for point in points], indent=0) + "\n")


def read_points(checkpoint: Path) -> list[EpisodePoint]:
    """The curve of a checkpoint; empty where it was not trained by reinforcement."""
    path = checkpoint / EPISODES_FILE
    return [EpisodePoint(**point) for point in json.loads(path.read_text())] if path.is_file() else []
