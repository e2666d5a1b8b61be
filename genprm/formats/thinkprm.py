r"""ThinkPRM-1K: `problem`, `prefix` (numbered steps of a solution) and `cot`, which judges each of them.

A step is right where the chain boxes `correct` for it and wrong where it boxes `incorrect`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from genprm.data_sets.rows import InputError, text_field
from genprm.formats.base import LabelledSolution, not_rebuilt, one_per_row, with_further
from genprm.reward_models.think_prm import read_verdicts, solution_text
from genprm.verification.rewards import UNDECIDED

_STEP = re.compile(r"(?:^|\s)(?=Step \d+:)")


def _read(where: str, row: Mapping[str, Any]) -> LabelledSolution:
    problem, prefix = text_field(row, "problem", where), text_field(row, "prefix", where)
    chain = text_field(row, "cot", where)
    steps = _steps(prefix)
    verdicts = read_verdicts(chain, len(steps))
    judged = verdicts.index(UNDECIDED) if UNDECIDED in verdicts else len(verdicts)
    if not judged:
        raise InputError(f"{where}: field 'cot' boxes no verdict on the first step, allowed: correct or incorrect")
    labels = [int(verdict) for verdict in verdicts[:judged]]
    solution = LabelledSolution(problem, steps, labels, chain=chain)
    solution.further.update(not_rebuilt(row, _write(solution)))
    return solution


def _steps(prefix: str) -> list[str]:
    return [step.strip() for step in _STEP.split(prefix) if step.strip()]


def _write(solution: LabelledSolution) -> dict[str, Any]:
    prefix = solution.further.get("prefix")
    if not isinstance(prefix, str) or _steps(prefix) != solution.steps:
        prefix = solution_text(solution.steps)
    built = {"problem": solution.problem, "prefix": prefix, "cot": solution.chain}
    return with_further(built, solution.further)


THINKPRM = one_per_row(_read, _write, needs="chain")
