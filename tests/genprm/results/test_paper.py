"""The paper's numbers agree with each other, as far as they can be checked by adding up."""

from __future__ import annotations

import statistics

import pytest

from genprm.results import paper

TABLES = {
    "processbench": list(paper.PROCESSBENCH.values()),
    "components": list(paper.COMPONENTS.values()),
    "data size": list(paper.DATA_SIZE.values()),
}


@pytest.mark.parametrize("name", TABLES)
def test_means_are_those_of_the_subsets(name: str) -> None:
    for row in TABLES[name]:
        # Each of the four is rounded to a tenth before they are added here, the paper's mean after.
        assert statistics.fmean(row[:4]) == pytest.approx(row.mean, abs=0.101)


def test_rows_that_stand_in_several_tables_are_the_same() -> None:
    voted, single = paper.PROCESSBENCH["GenPRM-7B, Maj@8"], paper.PROCESSBENCH["GenPRM-7B, Pass@1"]
    assert paper.COMPONENTS["full", "full"] == voted
    assert paper.COMPONENTS["direct", "direct"] == paper.PROCESSBENCH["Direct Generative PRM-7B"]
    assert paper.DATA_SIZE[1.0] == single
    assert paper.LABELS["ratio", 0.8] == (single.mean, voted.mean)


def test_there_are_eight_label_settings_and_all_refinements_start_alike() -> None:
    assert len(paper.LABELS) == 8
    assert len({turns[0] for turns in paper.REFINED.values()}) == 1
