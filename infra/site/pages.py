"""Pages of the site that do not lie in docs/: the README as the first one, every command, every setting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from infra.site.commands import commands_page
from infra.site.settings import settings_page

ROOT = Path(__file__).parents[2]
MEASURED = "genprm/miniature/MEASURED.md"
"""It lies beside the weights that it is about."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add them; a hook of MkDocs."""
    for place, content in {
        "index.md": first_page((ROOT / "README.md").read_text()),
        "measured.md": (ROOT / MEASURED).read_text(),
        "reference/commands.md": commands_page(),
        "reference/settings.md": settings_page(),
    }.items():
        files.append(File.generated(config, place, content=content))
    return files


def on_page_markdown(markdown: str, **rest: Any) -> str:
    """Lead links out of docs/ to the pages added; a hook of MkDocs."""
    return markdown.replace(f"](../{MEASURED})", "](measured.md)")


def first_page(readme: str) -> str:
    """The README as a page that lies in docs/.

    >>> first_page("[Settings](docs/settings.md), [MIT licence](LICENSE)")
    '[Settings](settings.md), MIT licence'
    """
    return readme.replace("](docs/", "](").replace("[MIT licence](LICENSE)", "MIT licence")
