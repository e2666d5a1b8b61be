"""Particle filtering: solutions as samples that the judge reweights (Puri et al. 2502.01618)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from genprm.event_loops import together
from genprm.search.base import SearchMethod
from genprm.search.tree import Node, Purse, Tree, log_odds
from genprm.seeds import derived_seed
from genprm.settings import SearchSettings

Weights = npt.NDArray[np.float64]


def normalized(log_weights: Sequence[float]) -> Weights:
    """Weights that sum to 1.

    >>> normalized([0.0, 0.0]).tolist()
    [0.5, 0.5]
    """
    shifted = np.exp(np.array(log_weights) - max(log_weights))
    return np.asarray(shifted / shifted.sum(), dtype=np.float64)


def effective_size(weights: Weights) -> float:
    """Effective sample size, 1 / sum of squares: from 1 to the number of weights."""
    return float(1.0 / np.square(weights).sum())


def resample(weights: Weights, start: float) -> list[int]:
    """Systematic resampling: indices in ascending order, each index i between floor(n w_i) and ceil(n w_i) times.

    `start` in [0, 1) is the offset of the comb of n teeth.

    >>> resample(np.array([0.5, 0.0, 0.25, 0.25]), 0.5)
    [0, 0, 2, 3]
    """
    count = len(weights)
    teeth = (np.arange(count) + start) / count
    found = np.searchsorted(np.cumsum(weights), teeth, side="right")
    return [int(index) for index in np.minimum(found, count - 1)]


async def filter_particles(tree: Tree, purse: Purse, settings: SearchSettings) -> None:
    """Move `width` particles on step by step. Each new step multiplies a particle's weight by the odds of its
    reward; when the effective sample size falls below the threshold, the particles are resampled. A particle that
    has ended stays, and can be drawn.

    The paper resamples after every step, each particle independently, by the odds of one reward for all that is
    written. Here the odds of each step count once, and systematic resampling adds less noise.
    """
    root = tree.begin(purse)
    particles, weights, step = [root] * settings.width, [0.0] * settings.width, 0
    while any(node.open for node in particles) and not purse.empty:
        before = particles
        particles = await _move(tree, particles)
        temperature = max(1.0, settings.weight_temperature * settings.weight_cooling**step)
        weights = [
            weight + (_news(old, new) / temperature)
            for weight, old, new in zip(weights, before, particles, strict=True)
        ]
        share = normalized(weights)
        if effective_size(share) < settings.resample_below * settings.width:
            start = np.random.default_rng(derived_seed(tree.seed, tree.problem, root.name, step)).random()
            particles = [particles[index] for index in resample(share, start)]
            weights = [0.0] * settings.width
        step += 1


async def _move(tree: Tree, particles: Sequence[Node]) -> list[Node]:
    """Move each particle one step on. Particles at the same node share one request, and ended ones stay."""
    counts = Counter(node for node in particles if node.open)
    groups = await together([tree.grow(node, count) for node, count in counts.items()])
    moved = dict(zip(counts, map(iter, groups), strict=True))
    return [next(moved[node], node) if node.open else node for node in particles]


def _news(old: Node, new: Node) -> float:
    """Log-odds that the last move added. A particle that is given up, or was refuted before, counts as wrong for
    sure."""
    if new is old and not new.given_up:
        return 0.0
    if new.given_up or old.refuted:
        return log_odds(0.0)
    return log_odds(new.rewards[-1])


PARTICLES = SearchMethod(filter_particles)
"""For a judge that is often unsure: solutions that look bad are rarely drawn, but not cut off."""
