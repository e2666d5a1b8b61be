"""What `genprm bench sandbox` makes of its measurements, and the scripts that it measures with."""

from __future__ import annotations

import pytest

from genprm.speed.execution import Cost, fresh_interpreters, in_process, paths
from genprm.speed.sandbox import Comparison, rows
from genprm.speed.verification_scripts import TEMPLATES, typical_scripts


def test_figures_of_a_cost_are_those_computed_by_hand() -> None:
    cost = Cost(seconds=2.0, cpu_seconds=1.0, blocks=[0.1 * n for n in range(1, 11)])
    assert cost.per_second() == 5.0
    assert cost.cpu_ms() == 100.0
    assert cost.quantile_ms(50) == pytest.approx(550.0)


def test_rows_hold_ratios_to_the_plain_ways_of_the_same_scripts() -> None:
    plain = Cost(1.0, 0.5, [0.1] * 10)
    fresh = Cost(10.0, 5.0, [1.0] * 10)
    boxed = Cost(2.0, 0.75, [0.2] * 10)
    ways = {"in-process": plain, "fresh interpreter with sympy": fresh, "sandbox": boxed, "pebble": None}
    table = rows(Comparison(ways, ways, {"sandbox, a later block": boxed}))

    assert [row["scripts"] for row in table] == ["typical"] * 4 + ["trivial"] * 5
    assert table[2]["CPU / in-process"] == pytest.approx(1.5)
    assert table[2]["rate / fresh"] == pytest.approx(5.0)
    assert table[3]["way"] == "pebble: not installed"


def test_scripts_are_the_same_for_the_same_seed_and_use_every_template() -> None:
    scripts = typical_scripts(2 * len(TEMPLATES), seed=4)
    assert scripts == typical_scripts(2 * len(TEMPLATES), seed=4)
    assert scripts != typical_scripts(2 * len(TEMPLATES), seed=5)
    assert len(set(scripts)) == len(scripts)
    assert [len(path) for path in paths(scripts[:10])] == [4, 4, 2]


@pytest.mark.slow
def test_every_script_is_executed_once() -> None:
    assert len(in_process(["print(1)"] * 6).blocks) == 6
    fresh = fresh_interpreters(["print(1)"] * 3, workers=2)
    assert len(fresh.blocks) == 3
    assert fresh.cpu_seconds > 0
