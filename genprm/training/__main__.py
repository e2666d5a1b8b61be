"""The start of every training process: `python -m genprm.training MODULE JOB.json` runs `MODULE.main`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from genprm.engines.base import EngineError
from genprm.quick_start import importing
from genprm.training.process import WRONG_MODEL, die_with_parent


def main(module: str, job_file: Path) -> None:
    """Run the training that `module` defines on the job in `job_file`."""
    die_with_parent()
    with importing():
        training = importlib.import_module(module)
    try:
        training.main(job_file)
    except EngineError as error:
        print(" ".join(str(error).split()), flush=True)
        sys.exit(WRONG_MODEL)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
