"""The measures of a training by reinforcement, batch by batch."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from genprm.tables import from_dict
from genprm.training.rl.episodes import Episode

EPISODES_FILE = "episodes.json"
_RAN = "ok"


@dataclass(frozen=True, slots=True)
class EpisodePoint:
    """The first update on a batch of verifications: their mean reward, and further measures.

    `signal` is the share of groups whose rewards differ, `right` that of verifications which name the first wrong
    step, or none where there is none. `false_alarm` is the share of right solutions in which a step was judged
    wrong, `missed` that of wrong ones in which none was. A verification has `length` tokens, `tokens` of them by
    the model, and `code_blocks` blocks, of which the share `code_runs` ran without an error. A measure is None
    where there was nothing to measure.
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
    """The measures of `EpisodePoint` that follow from the verifications alone; a share of nothing is left out."""
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
    """The points of a trainer's log, one per batch: its measures are logged with the first update on it only."""
    return [_point(logs) for logs in history if "reward" in logs]


def _point(logs: Mapping[str, float]) -> EpisodePoint:
    logged = {field.name: logs.get(field.name) for field in fields(EpisodePoint)}
    signal, clipped = 1 - logs["frac_reward_zero_std"], logs.get("clip_ratio/region_mean")
    return from_dict(EpisodePoint, {**logged, "signal": signal, "clipped": clipped})


def write_points(points: Sequence[EpisodePoint], checkpoint: Path) -> None:
    """Write the curve into a checkpoint."""
    (checkpoint / EPISODES_FILE).write_text(json.dumps([asdict(point) for point in points], indent=0) + "\n")


def read_points(checkpoint: Path) -> list[EpisodePoint]:
    """The curve of a checkpoint; empty where it was not trained by reinforcement."""
    path = checkpoint / EPISODES_FILE
    return [EpisodePoint(**point) for point in json.loads(path.read_text())] if path.is_file() else []
