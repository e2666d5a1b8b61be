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
        "sympy.solve([sympy.Eq(2 * x + y, 7), sympy.Eq(x - 3 * y, -7)], [x, y])",
        "sympy.solve(sympy.sqrt(x + 1) - 2, x)",
        "sympy.solve_univariate_inequality(r**2 < 4, r, relational=False)",
        "str(sympy.integrate(x**2 * sympy.sin(x), x))",
        "float(sympy.integrate(3 * x**2 + sympy.cos(x), (x, 0, 3)))",
        "sympy.simplify(sympy.diff(sympy.exp(2 * x) * sympy.log(x), x) - sympy.exp(2 * x) / x)",
        "sympy.simplify(sympy.diff(x**3 * sympy.exp(2 * x), x) - x**2 * sympy.exp(2 * x) * (3 + 2 * x))",
        "sympy.simplify(sympy.sin(x)**2 + sympy.cos(x)**2)",
        "sympy.simplify(sympy.sin(2 * r)**2 + sympy.cos(2 * r)**2 - 1), sympy.expand_trig(sympy.sin(2 * r))",
        "str(sympy.factor(sympy.expand((x - 1) * (x + 2) * (x - 3))))",
        "sympy.apart(1 / (x**2 - 1)), sympy.together(1 / x + 1 / y), sympy.cancel((x**2 - 1) / (x - 1))",
        "str(sympy.Matrix([[1, 2], [3, 4]]).inv()), sympy.Matrix([[1, 2, 0], [3, 4, 1], [0, 1, 5]]).det()",
        "str(sympy.Matrix([[1, 2], [3, 4]]).charpoly().as_expr()), sympy.Matrix([[2, 0], [0, 3]]).eigenvals()",
        "sympy.Matrix([[1, 2], [2, 4]]).rank()",
        "sympy.limit(sympy.sin(3 * x) / (2 * x), x, 0), sympy.limit((2 * x + 1) / (x - 3), x, sympy.oo)",
        "sympy.summation(x, (x, 1, y)), sympy.series(sympy.exp(x), x, 0, 4)",
        "sympy.factorint(360360), sympy.isprime(10007), sympy.divisors(60), sympy.totient(60), sympy.gcd(12, 18)",
        "sympy.nsimplify('0.5'), sympy.N(sympy.sqrt(8), 12), sympy.Rational(3, 4) + sympy.sqrt(2)",
        "str(sympy.sympify('2*x + 1').subs(x, 3)), sympy.latex(x**2 / y), sympy.binomial(9, 4)",
    ],
    "numpy": [
        "numpy.linalg.solve(numpy.eye(2), numpy.ones(2)), numpy.linalg.det(numpy.eye(3))",
        "numpy.linalg.inv(numpy.eye(2)), numpy.linalg.eig(numpy.eye(2)), numpy.arange(3).mean()",
        "str(numpy.round(numpy.sort(numpy.roots(numpy.poly([1, 2, 3])).real), 6)), numpy.allclose([1.0], [1.0])",
    ],
    "scipy": [
        "scipy.integrate.quad(lambda z: 2.0 ** -z, 0, float('inf'))",
        "scipy.optimize.brentq(lambda z: z - 1, 0, 3), scipy.optimize.fsolve(lambda z: z - 1, 0)",
    ],
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
            self._names["r"] = self._names["sympy"].Symbol("r", real=True)
        self._pending = [expression for name in packages for expression in _EXPRESSIONS.get(name, [])]
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
