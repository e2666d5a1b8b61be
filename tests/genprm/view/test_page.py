"""The page holds what models wrote as data, and asks for nothing from a network."""

import base64
import gzip
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from genprm.data_sets.rows import InputError
from genprm.view.page import render
from genprm.view.transcripts import from_rows

HOSTILE = "</script><script>alert(1)</script></pre><img src=x onerror=alert(2)> & {{ 7*7 }}"


def case(**fields: Any) -> dict[str, Any]:
    return {"id": "a", "problem": "2 + 2?", "steps": ["2 + 2 = 5"], "rewards": [0.25], "label": 0, **fields}


class Elements(HTMLParser):
    """The elements of a page as Python's own parser sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]


def elements(page: str) -> Elements:
    parser = Elements()
    parser.feed(page)
    return parser


def embedded(page: str) -> Any:
    found = re.search(r'<script id="data" type="text/plain">([^<]*)</script>', page)
    assert found is not None
    return json.loads(gzip.decompress(base64.b64decode(found[1])))


def test_nothing_a_model_wrote_becomes_markup() -> None:
    step = {"reward": 0.25, "analysis": HOSTILE, "code": HOSTILE, "output": HOSTILE * 1000}
    hostile = from_rows([("row", case(problem=HOSTILE, steps=[HOSTILE], paths=[[step]]))])
    page = render(hostile, HOSTILE)
    assert elements(page).tags == elements(render(from_rows([("row", case())]), "quiet")).tags
    assert embedded(page) == hostile


def test_page_loads_nothing() -> None:
    assert elements(render(from_rows([("row", case())]), "t")).addresses == ["data:,"]


def test_a_prediction_follows_from_the_rewards_where_none_is_given() -> None:
    [found] = from_rows([("row", case(rewards=[0.25]))])
    assert found["prediction"] == 0
    [found] = from_rows([("row", case(first_error=None))])
    assert found["prediction"] is None


def test_paths_come_as_judge_writes_them() -> None:
    rationale = [{"reward": 0.25, "analysis": "no"}]
    [several] = from_rows([("row", case(paths=[{"rewards": [0.25], "rationale": rationale}], rationale=[]))])
    [single] = from_rows([("row", case(rationale=rationale))])
    assert several["paths"] == single["paths"] == [rationale]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"label": 3}, "row: field 'label' is 3, allowed: "),
        ({"paths": "x"}, "row: field 'paths' is 'x', allowed: a list of paths"),
        ({"paths": [[{"analysis": "no reward"}]]}, "row: path 1 is "),
        ({"mc": "x"}, "row: field 'mc' is 'x', allowed: a list of numbers"),
    ],
)
def test_a_wrong_row_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        from_rows([("row", case(**fields))])
