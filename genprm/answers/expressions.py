"""Expressions in LaTeX as trees, and their values at given points with 80 digits.

Two expressions with the same value at several points drawn at random are the same function (Schwartz, 1980; Zippel,
1979, for polynomials); with 80 digits a chance agreement is out of the question. This decides more pairs than
symbolic simplification does, and each operation takes a bounded time. Unreadable expressions go to math-verify.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import mpmath  # type: ignore[import-untyped]

DIGITS = 80
LARGEST = 10**6
"""Decimal exponents beyond which no value is computed."""
DEEPEST = 60
_FACTORIAL = 10**5

Tree = tuple[Any, ...]
"""An operation's name and its operands; `("number", text)` and `("symbol", name)` are leaves."""


class UnreadableError(Exception):
    """The text is not an expression that this module can read, or its value cannot be computed."""


_TOKEN = re.compile(
    r"\s*(\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d*)?|\.\d+|\\[a-zA-Z]+|\\[|]|[a-zA-Z]'*|[-+*/^_(){}\[\]|!%'])"
)
_FUNCTIONS = {
    "sin": mpmath.sin, "cos": mpmath.cos, "tan": mpmath.tan, "cot": mpmath.cot, "sec": mpmath.sec,
    "csc": mpmath.csc, "arcsin": mpmath.asin, "arccos": mpmath.acos, "arctan": mpmath.atan, "sinh": mpmath.sinh,
    "cosh": mpmath.cosh, "tanh": mpmath.tanh, "ln": mpmath.log, "exp": mpmath.exp, "log": mpmath.log,
    "lg": mpmath.log10,
}  # fmt: skip
_GREEK_NAMES = (
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho "
    "sigma tau phi  varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega ell "
)
_GREEK = frozenset(_GREEK_NAMES.split())
_NAMED = frozenset("fgh")
"""Letters that are functions where a parenthesis follows."""
_PRODUCTS = {"*": "*", "\\cdot": "*", "\\times": "*", "/": "/", "\\div": "/"}
_CLOSING = {"(": ")", "[": "]", "{": "}", "|": "|", "\\lfloor": "\\rfloor", "\\lceil": "\\rceil"}
_ENDS = frozenset([*_CLOSING.values(), "+", "-", "*", "/", "^", "_", "!", "%", "'", "\\cdot", "\\times", "\\div"])


class _Reader:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        self.at = self.depth = 0
        position, text = 0, text.rstrip()
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                raise UnreadableError(text[position:])
            self.tokens.append(found[1].replace("\\|", "|"))
            position = found.end()

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if not token or (expected is not None and token != expected):
            raise UnreadableError(f"{token!r} stands where {expected!r} is expected")
        self.at += 1
        return token

    def sum(self, end: str = "") -> Tree:
        self.depth += 1
        if self.depth > DEEPEST:
            raise UnreadableError("nested too deep")
        tree = self.signed(end)
        while self.peek() in {"+", "-"}:
            tree = (self.take(), tree, self.product(end))
        self.depth -= 1
        return tree

    def signed(self, end: str) -> Tree:
        if self.peek() in {"+", "-"}:
            sign = self.take()
            inner = self.signed(end)
            return inner if sign == "+" else ("negative", inner)
        return self.product(end)

    def product(self, end: str) -> Tree:
        tree = self.power(end)
        while True:
            token = self.peek()
            if token in _PRODUCTS:
                self.at += 1
                tree = (_PRODUCTS[token], tree, self.signed_power(end))
            elif token and token != end and token not in _ENDS - {"|"}:
                tree = ("*", tree, self.power(end))
            else:
                return tree

    def signed_power(self, end: str) -> Tree:
        if self.peek() == "-":
            self.at += 1
            return ("negative", self.signed_power(end))
        return self.power(end)

    def power(self, end: str) -> Tree:
        tree = self.atom(end)
        while self.peek() in {"^", "!", "%"}:
            mark = self.take()
            if mark == "^" and self.peek() == "{" and self.tokens[self.at + 1 : self.at + 3] == ["\\circ", "}"]:
                self.at += 3
                tree = ("*", tree, ("/", ("symbol", "\\pi"), ("number", "180")))
            elif mark == "^":
                tree = ("^", tree, self.exponent())
            else:
                tree = ("!", tree) if mark == "!" else ("/", tree, ("number", "100"))
        return tree

    def exponent(self) -> Tree:
        """A whole number is one exponent even without braces: nobody writes x^21 for x^2 times 1."""
        return ("number", self.take()) if self.peek().isdigit() else self.argument()

    def argument(self) -> Tree:
        """What a command or a power applies to: a group, or the next token (its first digit)."""
        token = self.peek()
        if token in {"{", "("}:
            return self.group()
        if token == "-":
            self.at += 1
            return ("negative", self.argument())
        if token[:1].isdigit() and len(token) > 1:
            self.tokens[self.at : self.at + 1] = [token[0], token[1:]]
        return self.atom("")

    def group(self) -> Tree:
        opening = self.take()
        tree = self.sum(_CLOSING[opening])
        self.take(_CLOSING[opening])
        return tree

    def atom(self, end: str) -> Tree:
        token = self.take()
        if token[0].isdigit() or token[0] == ".":
            return self.number(token)
        if token in _CLOSING and token != end:
            self.at -= 1
            inner = self.group()
            names = {"|": "absolute", "\\lfloor": "floor", "\\lceil": "ceiling"}
            return (names[token], inner) if token in names else inner
        if token.startswith("\\"):
            return self.command(token[1:], end)
        if not token[0].isalpha():
            raise UnreadableError(f"{token!r} begins no value")
        return self.letter(token)

    def number(self, token: str) -> Tree:
        number: Tree = ("number", token.replace(",", ""))
        if self.peek() == "_":
            self.at += 1
            return _in_base(number[1], self.subscript())
        fraction = self.tokens[self.at : self.at + 7]
        plain = len(fraction) == 7 and fraction[2].isdigit() and fraction[5].isdigit() and token.isdigit()
        if plain and [fraction[i] for i in (0, 1, 3, 4, 6)] == ["\\frac", "{", "}", "{", "}"]:
            self.at += 7
            return ("+", number, ("/", ("number", fraction[2]), ("number", fraction[5])))
        return number

    def letter(self, token: str) -> Tree:
        name = token
        if self.peek() == "_":
            self.at += 1
            name += f"_{self.subscript()}"
        if token.rstrip("'") in _NAMED and self.peek() == "(":
            return ("applied", name, self.group())
        return ("symbol", name)

    def subscript(self) -> str:
        if self.peek() != "{":
            return self.take()
        start = self.at
        self.group()
        return "".join(self.tokens[start + 1 : self.at - 1])

    def command(self, name: str, end: str) -> Tree:
        if name == "frac":
            return ("/", self.braced(), self.braced())
        if name == "binom":
            return ("choose", self.braced(), self.braced())
        if name == "sqrt":
            if self.peek() == "[":
                index = self.group()
                return ("root", self.braced(), index)
            return ("root", self.argument(), ("number", "2"))
        if name in _FUNCTIONS:
            return self.function(name, end)
        if name in {"pi", "infty"}:
            return ("symbol", f"\\{name}")
        if name in _GREEK:
            return self.letter(f"\\{name}")
        if name in {"lfloor", "lceil"}:
            self.at -= 1
            return self.atom(end)
        raise UnreadableError(f"\\{name} is not read")

    def braced(self) -> Tree:
        return self.group() if self.peek() == "{" else self.argument()

    def function(self, name: str, end: str) -> Tree:
        base: Tree | None = None
        raised: Tree | None = None
        while self.peek() in {"^", "_"}:
            if self.take() == "^":
                raised = self.argument()
            else:
                base = self.argument()
        if self.peek() in {"(", "{", "["}:
            inner = self.power(end) if self.peek() == "{" else self.group()
        else:
            inner = self.factors(end)
        inverse = raised == ("negative", ("number", "1"))
        tree: Tree = (f"arc{name}" if inverse else name, inner) if base is None else ("log", inner, base)
        if inverse and f"arc{name}" not in _FUNCTIONS:
            raise UnreadableError(f"the inverse of {name}")
        return tree if raised is None or inverse else ("^", tree, raised)

    def factors(self, end: str) -> Tree:
        """The argument of a function without parentheses: factors up to a sign or the next function."""
        tree = self.power(end)
        while True:
            token = self.peek()
            goes_on = token and token != end and token not in _ENDS and token not in {"(", "["}
            if not goes_on or token[1:] in _FUNCTIONS:
                return tree
            tree = ("*", tree, self.power(end))


def _in_base(numeral: str, base: str) -> Tree:
    """A numeral of digits in its base: `0.0011_2` is 3/16.

    Raises:
        UnreadableError: the base has no such digits.
    """
    whole, _, places = numeral.partition(".")
    try:
        value = int(whole + places, int(base) or 1)
    except ValueError:
        raise UnreadableError(f"{numeral} is no numeral of base {base}") from None
    return ("/", ("number", str(value)), ("number", str(int(base) ** len(places))))


def read_expression(text: str) -> Tree:
    """The tree of an expression in normalised LaTeX.

    Raises:
        UnreadableError: it is no expression, or uses notation that this module does not know.

    >>> read_expression(r"2\\sqrt{x}")
    ('*', ('number', '2'), ('root', ('symbol', 'x'), ('number', '2')))
    """
    reader = _Reader(text)
    tree = reader.sum()
    if reader.peek():
        raise UnreadableError(f"{reader.peek()!r} is left over")
    return tree


def symbols(tree: Tree) -> frozenset[str]:
    """The variables of an expression, without the constants pi, e, i and infinity."""
    if tree[0] == "symbol":
        return frozenset() if tree[1] in _CONSTANTS else frozenset([tree[1]])
    return frozenset().union(*(symbols(part) for part in tree[1:] if isinstance(part, tuple)))


def has_decimal(tree: Tree) -> bool:
    """Whether the expression contains a numeral with a decimal point."""
    if tree[0] == "number":
        return "." in tree[1]
    return any(has_decimal(part) for part in tree[1:] if isinstance(part, tuple))


_CONSTANTS: dict[str, Callable[[], Any]] = {
    "\\pi": lambda: +mpmath.pi,
    "e": lambda: +mpmath.e,
    "i": lambda: mpmath.mpc(0, 1),
    "\\infty": lambda: mpmath.inf,
}


def _bounded(value: Any) -> Any:
    parts = (value.real, value.imag) if isinstance(value, mpmath.mpc) else (value,)
    for part in parts:
        if mpmath.isnan(part) or (mpmath.isfinite(part) and part and abs(mpmath.mag(part)) > 4 * LARGEST):
            raise UnreadableError("no value, or too large a one")
    return value


def _power(base: Any, exponent: Any) -> Any:
    if base and abs(mpmath.mag(base)) * abs(exponent) > 4 * LARGEST:
        raise UnreadableError("too large a power")
    return mpmath.power(base, exponent)


def _root(value: Any, index: Any) -> Any:
    odd = mpmath.isint(index) and int(index) % 2 == 1
    if odd and not isinstance(value, mpmath.mpc) and value < 0:
        return -mpmath.power(-value, 1 / index)
    return mpmath.power(value, 1 / index)


def _factorial(value: Any) -> Any:
    if abs(value) > _FACTORIAL:
        raise UnreadableError("too large a factorial")
    return mpmath.factorial(value)


def _choose(top: Any, bottom: Any) -> Any:
    if max(abs(top), abs(bottom)) > _FACTORIAL:
        raise UnreadableError("too large a binomial coefficient")
    return mpmath.binomial(top, bottom)


def _applied(name: str, value: Any) -> Any:
    """The value of an undefined function such as f(x): an arbitrary but fixed function for each name."""
    seed = zlib.crc32(name.encode()) / 2**32
    return mpmath.cos((1 + seed) * value + 7 * seed) + seed * value


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "^": _power,
    "negative": lambda a: -a,
    "!": _factorial,
    "root": _root,
    "choose": _choose,
    "absolute": abs,
    "floor": mpmath.floor,
    "ceiling": mpmath.ceil,
    **_FUNCTIONS,
    "log": lambda a, base=None: mpmath.log(a) if base is None else mpmath.log(a) / mpmath.log(base),
}


def value_of(tree: Tree, point: Mapping[str, Any]) -> Any:
    """The value of an expression where its variables have the given values (an mpf or mpc).

    Raises:
        UnreadableError: it has no value there (a division by zero, a logarithm of zero), or one out of bounds.
    """
    try:
        return _value(tree, point)
    except (ArithmeticError, ValueError, TypeError) as error:
        raise UnreadableError(str(error)) from None


def _value(tree: Tree, point: Mapping[str, Any]) -> Any:
    kind = tree[0]
    if kind == "number":
        return mpmath.mpf(tree[1])
    if kind == "symbol":
        return _CONSTANTS[tree[1]]() if tree[1] in _CONSTANTS else point[tree[1]]
    if kind == "applied":
        return _applied(tree[1], _value(tree[2], point))
    operands = [_value(part, point) for part in tree[1:]]
    value = _bounded(_OPERATIONS[kind](*operands))
    if mpmath.isinf(value) and not any(mpmath.isinf(operand) for operand in operands):
        raise UnreadableError("no finite value")
    return value
