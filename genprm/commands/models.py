"""The model that a command uses when none is named, and warnings and file names for models."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from genprm.engines import MINIATURE
from genprm.manifest import MANIFEST_FILE, read_manifest
from genprm.settings import home

SHIPPED = "miniature/rationale"
PROFILE = "miniature"


def default_model() -> str:
    """The newest checkpoint trained here on the miniature in full mode, else the shipped rationale model."""
    found = [path for path in home().glob(f"**/checkpoints/**/{MANIFEST_FILE}") if PROFILE in path.parts]
    for path in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True):
        manifest = read_manifest(path.parent)
        if manifest is not None and manifest.inference_mode == "full":
            return str(path.parent)
    return SHIPPED


def warn_of_other_worlds(model: str, problems: Sequence[str]) -> None:
    """Warn on standard error how many problems a miniature model cannot know; they are judged all the same."""
    if not _is_miniature(model):
        return
    others = sum(not _of_the_miniature(problem) for problem in problems)
    if others:
        print(
            f"genprm: warning: {others} of {len(problems)} problems are not of the miniature's world, which is all "
            f"that model {model!r} knows; its verdicts on them mean nothing (--model names another model)",
            file=sys.stderr,
        )


def _is_miniature(model: str) -> bool:
    return model.startswith(MINIATURE) or PROFILE in Path(model).parts


def _of_the_miniature(problem: str) -> bool:
    from genprm.miniature.world.problems import UnreadableProblemError, read_problem

    try:
        read_problem(problem.strip())
    except UnreadableProblemError:
        return False
    return True


def model_label(model: str) -> str:
    """A model's name as part of a file name: the hub id, or the last two parts of a directory.

    >>> model_label("Qwen/QwQ-32B"), model_label("/data/runs/main.full/1f0c")
    ('qwen-qwq-32b', 'main.full-1f0c')
    """
    name = "-".join(Path(model).parts[-2:]).lower()
    return "".join(sign if sign.isalnum() or sign in "._-" else "-" for sign in name).strip("-")
