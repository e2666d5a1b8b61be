"""The report's page, cell by cell."""

import re

from assets.report import render
from genprm.intervals import Difference, Interval
from genprm.results.claims import Side, claim
from genprm.results.leaderboard import Results
from genprm.results.measures import Metric


def test_a_claim_is_a_row_of_numbers() -> None:
    sides = Side("full", 64.4), Side("direct", 49.3)
    one = claim(
        "full - direct",
        Metric.F1,
        sides,
        Difference(points=15.1, ci95=Interval(-20.9, 54.8)),
        count=20,
        reported=(75.2, 60.0),
    )
    page = render("fake", Results(measures=[], claims=[one]))
    row = next(found for found in re.findall(r"<tr class.*?</tr>", page, re.DOTALL) if "full - direct" in found)
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
    assert cells[3:7] == ["+15.1 points", "-20.9 to +54.8", "20", "not decided"]
    assert not re.findall(r"0x[0-9a-f]{6,}", page), "no address of an object, which would differ at every run"
