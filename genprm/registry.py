"""Things of one kind by name: those of this package, and those that other packages add.

A package adds one by an entry point: its name, and where it is (`module:attribute`). It is imported only when it is
asked for by that name, so that settings can check a name without importing anything.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Generic, TypeVar, cast

if TYPE_CHECKING:
    from genprm.domains.base import Domain
    from genprm.formats.base import Format
    from genprm.labels.estimators import LabelEstimator
    from genprm.search.base import SearchMethod

T = TypeVar("T")


def installed_entry_points(group: str) -> Mapping[str, EntryPoint]:
    """The entry points of a group that the packages on `sys.path` have, by name."""
    return _entry_points(group, tuple(sys.path))


@cache  # asked for again and again, and each time the metadata of every package is read
def _entry_points(group: str, path: tuple[str, ...]) -> Mapping[str, EntryPoint]:
    return {point.name: point for point in importlib.metadata.entry_points(group=group)}


class Registry(Generic[T]):
    """The things of one kind. `group` is the group of entry points; `built_in` maps names to `module:attribute`.

    >>> shapes: Registry[type] = Registry("shape", "example.shapes", {"path": "pathlib:PurePosixPath"})
    >>> shapes.get("path").__name__
    'PurePosixPath'
    >>> shapes.get("cube")
    Traceback (most recent call last):
    ValueError: shape is 'cube', allowed: path (others can be added as entry points of the group 'example.shapes')
    """

    def __init__(self, kind: str, group: str, built_in: Mapping[str, str]) -> None:
        self._kind = kind
        self._group = group
        self._built_in = {name: EntryPoint(name, place, group) for name, place in built_in.items()}

    def names(self) -> list[str]:
        """The names in this package, then the others in alphabetical order."""
        return [*self._built_in, *sorted(self._others())]

    def __contains__(self, name: object) -> bool:
        return name in self._built_in or name in self._others()

    def get(self, name: str) -> T:
        """The thing called `name`.

        Raises:
            ValueError: there is none; the message lists the known names.
        """
        # Looking through all installed packages takes a while, so this package's own things come first.
        point = self._built_in.get(name) or self._others().get(name)
        if point is None:
            raise ValueError(
                f"{self._kind} is {name!r}, allowed: {', '.join(self.names())} "
                f"(others can be added as entry points of the group {self._group!r})"
            )
        return cast(T, point.load())

    def _others(self) -> dict[str, EntryPoint]:
        found = installed_entry_points(self._group)
        return {name: point for name, point in found.items() if name not in self._built_in}


ESTIMATORS: Registry[LabelEstimator] = Registry(
    "estimator",
    "genprm.label_estimators",
    {
        "ratio": "genprm.labels.estimators:RATIO",
        "difference": "genprm.labels.estimators:DIFFERENCE",
        "hard": "genprm.labels.estimators:HARD",
        "changepoint": "genprm.labels.change_point:CHANGE_POINT",
    },
)
"""Estimators of step labels."""

DOMAINS: Registry[Domain] = Registry(
    "domain", "genprm.domains", {"mathematics": "genprm.domains.mathematics:MATHEMATICS"}
)
"""Fields of problems."""

SEARCHES: Registry[SearchMethod] = Registry(
    "search",
    "genprm.searches",
    {
        "best-of-n": "genprm.search.sampling:BEST_OF_N",
        "majority": "genprm.search.sampling:MAJORITY",
        "vote": "genprm.search.sampling:VOTE",
        "beam": "genprm.search.beam:BEAM",
        "dvts": "genprm.search.diverse_trees:DVTS",
        "lookahead": "genprm.search.lookahead:LOOKAHEAD",
        "particles": "genprm.search.particles:PARTICLES",
        "rebase": "genprm.search.rebase:REBASE",
        "puct": "genprm.search.puct:PUCT",
        "reset": "genprm.search.reset:RESET",
    },
)
"""Ways of searching for a solution."""

FORMATS: Registry[Format] = Registry(
    "format",
    "genprm.formats",
    {
        "trl-stepwise": "genprm.formats.trl_stepwise:TRL_STEPWISE",
        "math-shepherd": "genprm.formats.math_shepherd:MATH_SHEPHERD",
        "rlhflow": "genprm.formats.rlhflow:RLHFLOW",
        "processbench": "genprm.formats.processbench:PROCESSBENCH",
        "genprm-math": "genprm.formats.genprm_math:GENPRM_MATH",
        "prm800k": "genprm.formats.prm800k:PRM800K",
        "versaprm": "genprm.formats.versaprm:VERSAPRM",
        "versaprm-training": "genprm.formats.versaprm_training:VERSAPRM_TRAINING",
        "omegaprm": "genprm.formats.omegaprm:OMEGAPRM",
        "omegaprm-tree": "genprm.formats.omegaprm_tree:OMEGAPRM_TREE",
        "thinkprm": "genprm.formats.thinkprm:THINKPRM",
        "verl": "genprm.formats.verl:VERL",
    },
)
"""Formats of sets of step labels."""


def domain_of(source: str) -> Domain:
    """The domain that has this source of problems.

    Raises:
        ValueError: no domain has it; the message lists the known sources.
    """
    known: list[str] = []
    for name in DOMAINS.names():
        domain = DOMAINS.get(name)
        if source in domain.problems:
            return domain
        known += domain.problems
    raise ValueError(
        f"source is {source!r}, allowed: {', '.join(known)} "
        "(others can be added by domains, entry points of the group 'genprm.domains')"
    )
