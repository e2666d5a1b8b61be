"""The process that compares answers with math-verify: one JSON pair per input line, one word per output line.

Each request may use a given CPU time; the kernel ends the process when it is spent, whatever code is running.
"""

from __future__ import annotations

import json
import math
import resource
import sys
import time

from latex2sympy2_extended import NormalizationConfig  # type: ignore[import-untyped]
from math_verify import LatexExtractionConfig, parse, verify
from sympy import Expr, N

from genprm.answers.forms import leaves_equal, parse_form, same_form
from genprm.answers.text import Leaf

MEMORY_BYTES = 2 << 30
RELATIVE = 1e-6
"""Two values that math-verify calls equal must agree to this: it compares floats to a fixed number of decimals."""

# Units are split off before; here letters are variables.
_WHOLE = [
    LatexExtractionConfig(
        normalization_config=NormalizationConfig(units=False, malformed_operators=True, nits=True, boxed="none")
    )
]


def _expressions(text: str) -> list[object]:
    return list(parse(f"${text}$", extraction_config=_WHOLE, parsing_timeout=None))


def _close(first: object, second: object) -> bool:
    """False when both are numbers and differ by more than rounding."""
    if not (isinstance(first, Expr) and isinstance(second, Expr) and first.is_number and second.is_number):
        return True
    if first == second or second.is_zero:
        return bool(first == second or first.is_zero)
    # The quotient, not the difference: 1/2004! and 5/2004! are both 0 as floats.
    return bool(abs(complex(N(first / second)) - 1) <= RELATIVE)


def algebra_equal(reference: Leaf, given: Leaf) -> bool:
    """math-verify's decision on two expressions or equations."""
    first, second = _expressions(reference.text), _expressions(given.text)
    if not verify(first, second, strict=True, timeout_seconds=None):
        return False
    return _close(first[0], second[0]) if first and second else True


def decide(reference: str, given: str) -> bool:
    """Whether two answers mean the same."""
    return same_form(parse_form(reference), parse_form(given), lambda a, b: leaves_equal(a, b, algebra_equal))


def _allow(seconds: float) -> None:
    """Give the process this much CPU time from now on; beyond, SIGXCPU ends it."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time() + seconds), hard))


def main() -> None:
    seconds = float(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    decide(r"\frac{\sqrt{3}}{2}", r"\sqrt{3}/2")
    print("ready", flush=True)
    for line in sys.stdin:
        reference, given = json.loads(line)
        _allow(seconds)
        try:
            word = "equal" if decide(reference, given) else "different"
        except Exception:  # whatever sympy raises on odd input: what cannot be compared is not shown to be equal
            word = "different"
        print(word, flush=True)


if __name__ == "__main__":
    main()
