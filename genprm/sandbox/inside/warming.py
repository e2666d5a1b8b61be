"""What libraries are loaded before the first fork, and what is evaluated once in quiet moments.

Libraries build tables and load parts of themselves at first use, which every session would otherwise pay for again
(a second and more for a first `solve`).
"""

from __future__ import annotations

import gc
import importlib
import random
import sys
from typing import Any

_EXPRESSIONS = {
    "sympy": [
        "sympy.solve(x**2 - 3 * x + 2, x)",
        "sympy.solve([x + y - 3, x - y - 1], [x, y])",
        "sympy.integrate(x**2 * sympy.sin(x), x)",
        "sympy.diff(sympy.exp(x) * sympy.log(x), x)",
        "sympy.simplify(sympy.sin(x)**2 + sympy.cos(x)**2)",
        "sympy.factor(x**3 - 6 * x**2 + 11 * x - 6)",
        "sympy.Matrix([[1, 2], [3, 4]]).inv()",
        "sympy.limit(sympy.sin(x) / x, x, 0)",
        "sympy.summation(x, (x, 1, y))",
        "sympy.factorint(360), sympy.nsimplify('0.5'), sympy.N(sympy.sqrt(2))",
        "sympy.solve(sympy.sqrt(x + 1) - 2, x)",
        "sympy.sympify('2*x + 1').subs(x, 3)",
    ],
    "scipy.integrate": [
        "scipy.integrate.quad(abs, 0, 1)",
        "scipy.integrate.solve_ivp(lambda t, y: y, (0, 1), [1])",
    ],
    "scipy.optimize": ["scipy.optimize.brentq(lambda z: z - 1, 0, 3)", "scipy.optimize.minimize(abs, 1)"],
    "scipy.stats": ["scipy.stats.norm.cdf(0), scipy.stats.binom.pmf(1, 2, 0.5)"],
    "numpy": ["numpy.linalg.solve(numpy.eye(2), numpy.ones(2))", "numpy.roots([1, -3, 2])"],
}


class Libraries:
    """The loaded libraries, and what of them still has to be warmed.

    Raises:
        ImportError: one of them is not installed.
    """

    def __init__(self, names: list[str]) -> None:
        for name in names:
            importlib.import_module(name)
        packages = dict.fromkeys(name.partition(".")[0] for name in names)
        self._names: dict[str, Any] = {name: sys.modules[name] for name in packages}
        self.versions = {name: str(getattr(self._names[name], "__version__", "")) for name in packages}
        if "sympy" in self._names:
            self._names["x"], self._names["y"] = self._names["sympy"].symbols("x y")
        self._pending = [expression for name in names for expression in _EXPRESSIONS.get(name, [])]
        self.seed()  # numpy loads its generators at first use
        self._settle()

    @property
    def warm(self) -> bool:
        """Whether nothing is left to evaluate."""
        return not self._pending

    def evaluate_next(self) -> None:
        """Evaluate one expression."""
        eval(self._pending.pop(0), dict(self._names))
        if self.warm:
            self._settle()

    def seed(self) -> None:
        """Make the random numbers of every session the same, however much was evaluated before it was forked."""
        random.seed(0)
        if "numpy" in self._names:
            self._names["numpy"].random.seed(0)
        if "sympy" in self._names:
            self._names["sympy"].core.random.seed(0)

    def _settle(self) -> None:
        """Hide what is loaded from the garbage collector, which would touch it, and so copy it, in sessions."""
        gc.collect()
        gc.freeze()
