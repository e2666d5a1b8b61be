"""No repetition of notation takes time that explodes, where an answer is read or where two are compared."""

from __future__ import annotations

import subprocess
import sys

CPU_SECONDS = 120
"""For some thousand texts that take milliseconds each; one that explodes would take longer than anybody lives."""

SWEEP = r"""
import itertools, resource, signal, sys
from genprm.answers.checker import quick_decision
from genprm.answers.reading import boxed_answer, extract_answer

def late(*_):
    sys.exit(f"no end in sight: {case!r}")

signal.signal(signal.SIGXCPU, late)
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[1]), resource.RLIM_INFINITY))
PIECES = [
    r"\cos", r"\theta", r"\text{", r"\frac{", r"\(a\) ", r"\begin{array}", "A'", "ab ", "a_1", "12", "1,2", "{",
    " ", "kg/",
]
cases = [(piece + other, 200) for piece, other in itertools.product(PIECES, repeat=2)]
cases += [(piece, 1900) for piece in PIECES]
for repeated, length in cases:
    pumped = repeated * (length // len(repeated))
    for case in (pumped + r"\cdot 2=1", "1 " + pumped + "!"):
        quick_decision("1", case)
    for case in ("The answer is The " + pumped, r"\boxed{1}" + pumped + r"\boxed{2}"):
        extract_answer(case)
        boxed_answer(case)
for case in ("12" * 480 + "." + "12" * 480 + "x", "12" * 480 + "." + "12" * 470 + "3..."):
    quick_decision("1", case)
for case in ("#### " * 20_000 + "\n.", "####" + " " * 100_000 + "\n."):
    extract_answer(case)
for boxed in ("1}" + "note " * 50_000, "1" * 50_000 + "." + "1" * 50_000 + "}"):
    case = r"\boxed{" + boxed + r".\boxed{2}"
    boxed_answer(case)
    extract_answer(case)
"""


def test_the_time_for_a_text_that_repeats_itself_does_not_explode() -> None:
    swept = subprocess.run(
        [sys.executable, "-c", SWEEP, str(CPU_SECONDS)], capture_output=True, text=True, check=False
    )
    assert (swept.returncode, swept.stderr) == (0, "")
