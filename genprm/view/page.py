"""One HTML file with all it needs: it asks for nothing from a network."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence

from genprm.view.transcripts import Case


def render(cases: Sequence[Case], title: str) -> str:
    """The page of these cases.

    They are in it as gzip in base64, an alphabet in which no markup can be written; the page unpacks them and puts
    them in place as text, never as markup.
    """
    from jinja2 import Environment, PackageLoader

    environment = Environment(loader=PackageLoader("genprm.view", "."), autoescape=True)
    packed = gzip.compress(json.dumps(list(cases), ensure_ascii=False).encode(), mtime=0)
    return environment.get_template("page.html").render(title=title, data=base64.b64encode(packed).decode())
