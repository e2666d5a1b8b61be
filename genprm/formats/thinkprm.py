r"""ThinkPRM-1K: `problem`, `prefix` (numbered steps of a solution) and `cot`, which judges each of them.

A step is right where the chain boxes `correct` for it and wrong where it boxes `incorrect`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from genprm.data_sets.rows import InputError, text_field
from genprm.formats.base import LabelledSolution, not_rebuilt, one_per_row
from genprm.reward_models.think_prm import read_verdicts, solution_text
from genprm.verification.rewards import UNDECIDED

_STEP = re.compile(r"(?:^|\s)(?=Step \d+:)")


def _read(where: str, row: Mapping[str, Any]) -> LabelledSolution:
    problem, prefix = text_field(row, "problem", where), text_field(row, "prefix", where)
    chain = text_field(row, "cot", where)
    steps = [step.strip() for step in _STEP.split(prefix) if step.strip()]
    verdicts = read_verdicts(chain, len(steps))
    judged = verdicts.index(UNDECIDED) if UNDECIDED in verdicts else len(verdicts)
    if not judged:
        raise InputError(f"{where}: field 'cot' boxes no verdict on the first step, allowed: correct or incorrect")
    labels = [int(verdict) for verdict in verdicts[:judged]]
    solution = LabelledSolution(problem, steps, labels, chain=chain)
    solution.further.update(not_rebuilt(row, _write(solution)))
    return solution


def _write(solution: LabelledSolution) -> dict[str, Any]:
    return {
        "problem": solution.problem,
        "prefix": solution_text(solution.steps),
        "cot": solution.chain,
        **solution.further,
    }


THINKPRM = one_per_row(_read, _write, needs="chain")
