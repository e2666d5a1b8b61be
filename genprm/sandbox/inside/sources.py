"""The text of blocks, for `inspect.getsource` alone: tracebacks that a block prints show no lines of it, as in the
output that published models were trained on."""

from __future__ import annotations

import ast
import inspect
from types import CodeType
from typing import Any

FILE = "<string>"
"""What blocks are called in tracebacks."""


class Sources:
    """Blocks of one interpreter, in order."""

    def __init__(self) -> None:
        self._blocks: list[tuple[str, CodeType]] = []
        self._findsource: Any = inspect.findsource
        inspect.findsource = self._find  # type: ignore[assignment]

    def add(self, text: str, code: CodeType) -> None:
        """Remember a block."""
        self._blocks.append((text, code))

    def _find(self, defined: object) -> tuple[list[str], int]:
        """Lines of the source that something is defined in, and the number of its first line, from 0."""
        try:
            found: tuple[list[str], int] = self._findsource(defined)
            return found
        except (OSError, TypeError):
            for text, code in reversed(self._blocks):
                line = _line_of_class(text, defined) if isinstance(defined, type) else _line_of_code(code, defined)
                if line is not None:
                    return text.splitlines(keepends=True), line - 1
            raise


def _line_of_code(block: CodeType, defined: object) -> int | None:
    function = inspect.unwrap(getattr(defined, "__func__", defined))  # type: ignore[arg-type]
    wanted: object = getattr(function, "__code__", function)
    waiting = [block]
    while waiting:
        code = waiting.pop()
        if code is wanted:
            return code.co_firstlineno
        waiting += [inner for inner in code.co_consts if isinstance(inner, CodeType)]
    return None


def _line_of_class(text: str, defined: type) -> int | None:
    if defined.__module__ != "__main__":
        return None
    waiting: list[tuple[str, ast.AST]] = [("", ast.parse(text))]
    while waiting:
        name, node = waiting.pop()
        if isinstance(node, ast.ClassDef) and name == defined.__qualname__:
            return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        prefix = f"{name}.<locals>" if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else name
        for inner in ast.iter_child_nodes(node):
            own = getattr(inner, "name", None) if isinstance(inner, ast.stmt) else None
            waiting.append((f"{prefix}.{own}".lstrip(".") if own else prefix, inner))
    return None
