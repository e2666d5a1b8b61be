"""Parts of the project that are installed on request, such as `pip install "genprm[pipeline]"`.

Only pyproject.toml says which extra brings a package; it is read from the metadata of the installed distribution.
"""

from __future__ import annotations

import importlib.util
import re
from collections import defaultdict
from importlib.metadata import PackageNotFoundError, requires

DISTRIBUTION = "genprm"
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+).*;.*\bextra == ['\"](?P<extra>[\w.-]+)['\"]")


def extra_with(module: str) -> str | None:
    """The smallest extra that brings a module, None where none does.

    The module is assumed to have the name of its distribution, with underscores for hyphens.
    """
    try:
        requirements = requires(DISTRIBUTION) or []
    except PackageNotFoundError:  # the code is used without having been installed
        return None
    brought = defaultdict(set)
    for found in filter(None, map(_REQUIREMENT.match, requirements)):
        brought[found["extra"]].add(found["name"].lower().replace("-", "_"))
    wanted = module.partition(".")[0].lower()
    fitting = [extra for extra, modules in brought.items() if wanted in modules]
    return min(fitting, key=lambda extra: len(brought[extra]), default=None)


def how_to_install(extra: str) -> str:
    """The command that installs an extra.

    >>> how_to_install("train")
    'pip install "genprm[train]"'
    """
    return f'pip install "{DISTRIBUTION}[{extra}]"'


def require(module: str) -> None:
    """Refuse to go on without a module that other processes are going to import.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    if importlib.util.find_spec(module) is None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)
