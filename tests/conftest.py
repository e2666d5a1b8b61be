"""The order of tests: those with the longest time limits start first, so that none runs alone at the end."""

from __future__ import annotations

import gc

import pytest

from genprm.quick_start import collect_seldom

collect_seldom()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the tests with a long timeout of their own to the front."""
    items.sort(key=_allowed_seconds, reverse=True)


def pytest_collection_finish() -> None:
    """Keep what was imported and collected out of all later looks for garbage."""
    gc.freeze()


def _allowed_seconds(item: pytest.Item) -> float:
    mark = item.get_closest_marker("timeout")
    return 0.0 if mark is None else float(mark.args[0])
