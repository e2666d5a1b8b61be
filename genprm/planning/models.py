"""Which models a profile trains, and which of them judge what."""

from __future__ import annotations

from typing import NamedTuple

from genprm.settings import Mode, Profile


class Judge(NamedTuple):
    """Weights, how they judge, and on how many paths each solution."""

    model: str
    mode: Mode
    votes: int


def trained(profile: Profile, rankers: bool = False) -> list[tuple[Mode, float]]:
    """Mode of each model trained from a base, and its share of the data; a head reads what direct does, and a
    ThinkPRM writes what cot does.

    `rankers` alone: those of the first label variant, on all of its data.
    """
    training = profile.training
    variants = training.variants[:1] if rankers else training.variants
    whole: list[tuple[Mode, float]] = [(mode, 1.0) for variant, mode in training.trained() if variant in variants]
    parts: list[tuple[Mode, float]] = [] if rankers else [("full", share) for share in training.shares]
    head: list[tuple[Mode, float]] = [("direct", 1.0)] if training.discriminative else []
    think: list[tuple[Mode, float]] = [("cot", 1.0)] if training.think else []
    return [*whole, *parts, *head, *think]


def benchmark_judges(profile: Profile) -> list[Judge]:
    """Every model that is evaluated: the full one with its number of paths, the others with theirs."""
    votes_in = profile.evaluation.votes_in
    judges = []
    for model in profile.training.base.values():
        modes = [mode for mode, _ in trained(profile)]
        if "full" in modes:
            modes.remove("full")
            judges.append(Judge(model, "full", votes_in("full", full=True)))
        untrained: Mode = "full"
        judges += [Judge(model, mode, votes_in(mode, full=False)) for mode in (*modes, untrained)]
    reference = profile.rationales
    return [*judges, Judge(reference.model, reference.mode, votes_in(reference.mode, full=False))]


def judges_otherwise(profile: Profile) -> list[Judge]:
    """The models that can judge in other modes than their own, in those that are asked for."""
    evaluation = profile.evaluation
    return [
        Judge(model, mode, evaluation.votes_in(mode, full=False))
        for model in profile.training.base.values()
        for own in profile.training.modes
        for mode in evaluation.modes_besides(own)
    ]


def rankers(profile: Profile) -> list[Judge]:
    """Every model that chooses among candidates."""
    modes: list[Mode] = [*(mode for mode, _ in trained(profile, rankers=True)), "full"]
    ranking = [(model, mode) for model in profile.training.base.values() for mode in modes]
    reference = (profile.rationales.model, profile.rationales.mode)
    return [Judge(model, mode, profile.scaling.votes_in(mode)) for model, mode in (*ranking, reference)]


def critics(profile: Profile) -> list[str]:
    """Weights of the reward models that criticise, all in full mode: the untrained bases, and what they become."""
    copies = 2 if "full" in profile.training.modes else 1
    return [model for model in profile.training.base.values() for _ in range(copies)]
