"""Every link inside the documentation leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, prose

_LINK = re.compile(r"\]\(\s*(?P<target>[^)\s]+)\s*\)")


def anchors(page: Path) -> set[str]:
    """Headings as GitHub and MkDocs name them in links."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.finditer(prose(page)):
        target, _, anchor = link["target"].partition("#")
        if target.startswith(("http:", "https:")):
            continue
        place = (page.parent / target).resolve() if target else page
        assert place.exists(), link["target"]
        assert not anchor or anchor in anchors(place), link["target"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    for name in re.findall(
        r"`((?:genprm|assets|orchestration|infra|examples|tests|docs)/[\w./-]*(?:\.\w+|/))`", prose(page)
    ):
        assert (ROOT / name).exists(), name


def test_every_page_can_be_found_from_the_readme() -> None:
    linked = {link["target"].partition("#")[0] for link in _LINK.finditer(PAGES[0].read_text())}
    assert {f"docs/{page.name}" for page in PAGES[1:]} <= linked
