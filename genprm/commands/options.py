"""Commands whose options are the fields of a dataclass, so that commands share groups of options."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

Options = TypeVar("Options")


def takes(options: type[Options]) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """Make a command with one typer option for each field of `options`, with the field's annotation and default.

    >>> @dataclasses.dataclass
    ... class Judging:
    ...     votes: int = 1
    >>> @takes(Judging)
    ... def judge(options: Judging) -> None:
    ...     print(options.votes)
    >>> judge(votes=3)
    3
    >>> str(inspect.signature(judge))
    '(*, votes: int = 1)'
    """
    hints = get_type_hints(options, include_extras=True)
    parameters = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in dataclasses.fields(options)  # type: ignore[arg-type]
    ]

    def decorate(command: Callable[[Options], None]) -> Callable[..., None]:
        @functools.wraps(command)
        def with_options(**values: Any) -> None:
            command(options(**values))

        with_options.__annotations__ = hints
        with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return with_options

    return decorate
