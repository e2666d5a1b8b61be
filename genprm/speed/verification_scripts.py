"""Scripts as verifiers write them: templates that check mathematical steps, with other numbers every time."""

from __future__ import annotations

import random
from collections.abc import Callable

TRIVIAL = "print(1 + 1)"

Template = Callable[[random.Random], str]


def typical_scripts(count: int, seed: int = 0) -> list[str]:
    """`count` scripts, the templates in turn; the same for the same seed."""
    rng = random.Random(seed)
    templates = list(TEMPLATES.values())
    return [templates[index % len(templates)](rng) for index in range(count)]


def _quadratic(rng: random.Random) -> str:
    a, b = rng.randint(-9, 9), rng.randint(1, 20)
    return f"""from sympy import symbols, solve
x = symbols('x')
roots = solve(x**2 - {a + b}*x + {a * b}, x)
print(roots, sum(roots) == {a + b})"""


def _system(rng: random.Random) -> str:
    p, q, r = (rng.randint(1, 9) for _ in range(3))
    return f"""from sympy import Eq, solve, symbols
x, y = symbols('x y')
solution = solve([Eq({p}*x + y, {p * q + r}), Eq(x - {r}*y, {q - r * r})], [x, y])
print(solution)
assert solution[x] == {q} and solution[y] == {r}"""


def _integral(rng: random.Random) -> str:
    n, a = rng.randint(1, 4), rng.randint(1, 9)
    return f"""import sympy as sp
x = sp.Symbol('x')
value = sp.integrate({a}*x**{n} + sp.cos(x), (x, 0, {a}))
print(sp.simplify(value), float(value))"""


def _derivative(rng: random.Random) -> str:
    n, a = rng.randint(2, 6), rng.randint(1, 9)
    return f"""from sympy import diff, exp, simplify, symbols
x = symbols('x')
derivative = diff(x**{n} * exp({a}*x), x)
claimed = x**{n - 1} * exp({a}*x) * ({n} + {a}*x)
print("difference:", simplify(derivative - claimed))"""


def _identity(rng: random.Random) -> str:
    k = rng.randint(1, 5)
    return f"""from sympy import cos, expand_trig, simplify, sin, symbols
t = symbols('t', real=True)
print(simplify(sin({k}*t)**2 + cos({k}*t)**2 - 1) == 0, expand_trig(sin(2*t)))"""


def _factors(rng: random.Random) -> str:
    a, b, c = (rng.randint(-6, 6) for _ in range(3))
    return f"""from sympy import expand, factor, symbols
x = symbols('x')
polynomial = expand((x - {a})*(x - {b})*(x - {c}))
print(polynomial, factor(polynomial))"""


def _matrix(rng: random.Random) -> str:
    rows = [[rng.randint(-5, 5) for _ in range(3)] for _ in range(3)]
    return f"""from sympy import Matrix
m = Matrix({rows})
print(m.det(), m.rank())
print(m.eigenvals() if m.is_diagonal() else m.charpoly().as_expr())"""


def _primes(rng: random.Random) -> str:
    n = rng.randint(10**4, 10**6)
    return f"""from sympy import divisor_count, factorint, isprime, totient
n = {n}
print(factorint(n), isprime(n), divisor_count(n), totient(n))"""


def _limit(rng: random.Random) -> str:
    a, b = rng.randint(1, 9), rng.randint(1, 9)
    return f"""from sympy import limit, oo, sin, symbols
x = symbols('x')
print(limit(sin({a}*x) / ({b}*x), x, 0), limit(({a}*x + 1) / ({b}*x - 2), x, oo))"""


def _inequality(rng: random.Random) -> str:
    a = rng.randint(1, 9)
    return f"""from sympy import solve_univariate_inequality, symbols
x = symbols('x', real=True)
print(solve_univariate_inequality(x**2 < {a * a}, x, relational=False))"""


def _radical(rng: random.Random) -> str:
    a, b = rng.randint(2, 12), rng.randint(2, 12)
    return f"""from sympy import N, Rational, nsimplify, sqrt
value = sqrt({a * a * b}) + Rational({a}, {b})
print(value, N(value, 12), nsimplify(0.5 * {a}))"""


def _fractions(rng: random.Random) -> str:
    a, b, c, d = (rng.randint(1, 30) for _ in range(4))
    return f"""from fractions import Fraction
total = Fraction({a}, {b}) + Fraction({c}, {d})
product = Fraction({a}, {b}) * Fraction({c}, {d})
print(total, product, float(total))
if total > product:
    print("The sum is larger.")"""


def _counting(rng: random.Random) -> str:
    n, k = rng.randint(5, 7), rng.randint(2, 4)
    return f"""from itertools import combinations, permutations
from math import comb, factorial
count = sum(1 for c in combinations(range({n}), {k}) if sum(c) % 2 == 0)
orders = sum(1 for p in permutations(range({n})) if p[0] < p[-1])
print(count, comb({n}, {k}), orders, factorial({n}) // 2)"""


def _dice(rng: random.Random) -> str:
    target = rng.randint(4, 17)
    return f"""from itertools import product
good = [roll for roll in product(range(1, 7), repeat=3) if sum(roll) == {target}]
probability = len(good) / 6**3
print(f"P(sum = {target}) = {{probability:.6f}} ({{len(good)}} of 216)")"""


def _loop(rng: random.Random) -> str:
    m, r = rng.randint(7, 13), rng.randint(1, 6)
    return f"""def digits(n):
    return sum(int(d) for d in str(n))
found = [n for n in range(1, 5000) if n % {m} == {r} and digits(n) % 5 == 0]
print(len(found), found[:5], sum(found))"""


def _remainder(rng: random.Random) -> str:
    base, power, modulus = rng.randint(2, 50), rng.randint(50, 5000), rng.randint(11, 997)
    return f"""result = pow({base}, {power}, {modulus})
check = 1
for _ in range({power}):
    check = check * {base} % {modulus}
print(result, check, result == check)"""


def _recurrence(rng: random.Random) -> str:
    a, b = rng.randint(1, 5), rng.randint(1, 5)
    return f"""class Sequence:
    def __init__(self, first, second):
        self.terms = [first, second]

    def extend(self, count):
        while len(self.terms) < count:
            self.terms.append({a} * self.terms[-1] + {b} * self.terms[-2])
        return self.terms

if __name__ == "__main__":
    print(Sequence(1, {b}).extend(12))"""


def _arrays(rng: random.Random) -> str:
    rows = [[rng.randint(1, 9) for _ in range(3)] for _ in range(3)]
    return f"""import numpy as np
a = np.array({rows}, dtype=float) + 10 * np.eye(3)
x = np.linalg.solve(a, np.ones(3))
print(np.round(x, 6), round(float(np.linalg.det(a)), 4), np.allclose(a @ x, 1))"""


def _roots(rng: random.Random) -> str:
    a, b, c = sorted(rng.sample(range(-9, 10), 3))
    return f"""import numpy as np
coefficients = np.poly([{a}, {b}, {c}])
print(coefficients, np.round(np.sort(np.roots(coefficients).real), 6))"""


def _quadrature(rng: random.Random) -> str:
    a = rng.randint(1, 5)
    return f"""from scipy.integrate import quad
import math
value, error = quad(lambda x: math.exp(-x) * x**{a}, 0, math.inf)
print(round(value, 6), math.factorial({a}))"""


def _minimum(rng: random.Random) -> str:
    a, b = rng.randint(-5, 5), rng.randint(1, 9)
    return f"""from scipy.optimize import brentq
root = brentq(lambda x: (x - {a})**3 + x - {a}, {a - b}, {a + b + 1})
print(round(root, 6))"""


def _mistake(rng: random.Random) -> str:
    a, b = rng.randint(2, 9), rng.randint(2, 9)
    return f"""total = {a} * {b}
print("total", total)
print("share", total / ({a} - {a}))"""


TEMPLATES: dict[str, Template] = {
    "quadratic": _quadratic,
    "system": _system,
    "integral": _integral,
    "derivative": _derivative,
    "identity": _identity,
    "factors": _factors,
    "matrix": _matrix,
    "primes": _primes,
    "limit": _limit,
    "inequality": _inequality,
    "radical": _radical,
    "fractions": _fractions,
    "counting": _counting,
    "dice": _dice,
    "loop": _loop,
    "remainder": _remainder,
    "recurrence": _recurrence,
    "arrays": _arrays,
    "roots": _roots,
    "quadrature": _quadrature,
    "minimum": _minimum,
    "mistake": _mistake,
}
"""Templates by what they check: with sympy, numpy, scipy and the standard library, and one that fails."""
