"""The process that compares answers by algebra: one JSON pair per input line, one line of output for each.

The libraries are loaded once; then a forked copy of the process answers. Each request may use a given CPU time.
When it is spent, the kernel ends the copy, whatever code is running, and the next copy is forked at once.
"""

from __future__ import annotations

import json
import math
import os
import resource
import sys
import time

from genprm.answers.algebra import algebra_equal
from genprm.answers.comparison import compare
from genprm.answers.forms import parse_form

MEMORY_BYTES = 2 << 30
READY = "ready"
EQUAL = "equal: "
DIFFERENT = "different"
UNANSWERED = "unanswered"


def decide(reference: str, given: str) -> str | None:
    """The rule by which two answers mean the same; None if they do not."""
    return compare(parse_form(reference), parse_form(given), algebra_equal)


def _allow(seconds: float) -> None:
    """Give the process this much CPU time from now on; when it is spent, SIGXCPU ends the process."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time() + seconds), hard))


def answer_requests(seconds: float) -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        reference, given = json.loads(line)
        _allow(seconds)
        try:
            rule = decide(reference, given)
        except Exception:  # sympy raises anything on odd input; what cannot be compared is not shown equal
            rule = None
        print(DIFFERENT if rule is None else EQUAL + rule, flush=True)


def main() -> None:
    seconds = float(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    decide(r"\begin{vmatrix} x \end{vmatrix} + \sum_{k=1}^{3} k", r"\int_0^1 x \, dx")
    print(READY, flush=True)
    while True:
        copy = os.fork()
        if copy == 0:
            answer_requests(seconds)
            sys.stdout.flush()
            os._exit(0)
        _, status = os.waitpid(copy, 0)
        if status == 0:
            return
        print(UNANSWERED, flush=True)


if __name__ == "__main__":
    main()
