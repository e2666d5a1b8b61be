"""One HTML file with all it needs: it loads nothing over a network."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence

from genprm.view.transcripts import Case


def render(cases: Sequence[Case], title: str) -> str:
    """Render the page of these cases.

    The page holds them as gzip in base64, an alphabet in which no markup can be written; it unpacks them and
    inserts them as text, never as markup.
    """
    from jinja2 import Environment, PackageLoader

    environment = Environment(loader=PackageLoader("genprm.view", "."), autoescape=True)
    packed = gzip.compress(json.dumps(list(cases), ensure_ascii=False).encode(), mtime=0)
    return environment.get_template("page.html").render(title=title, data=base64.b64encode(packed).decode())
