"""Every setting with its type, its default and its meaning, read from the models that check profiles."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from enum import Enum
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from genprm.settings import Profile, Section


def settings_page() -> str:
    """The page as Markdown."""
    parts = [
        "# Every setting",
        "A key is written `--set section.key=value`, or below its section in a profile. "
        "[Settings](../settings.md) says how profiles are read, and what becomes stale.",
    ]
    for name, field in Profile.model_fields.items():
        section = _section(field)
        if section is not None:
            rows = [_row(key, one) for key, one in fields_of(section, name)]
            lines = ["| key | type | default | |", "|---|---|---|---|", *rows]
            parts += [f"## {name}", inspect.cleandoc(section.__doc__ or ""), "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def fields_of(section: type[Section], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    """The keys of a section and of the sections inside it, with dots."""
    for name, field in section.model_fields.items():
        inner = _section(field)
        yield f"{prefix}.{name}", field
        if inner is not None:
            yield from fields_of(inner, f"{prefix}.{name}")


def _section(field: FieldInfo) -> type[Section] | None:
    """The section that a field holds, None where it holds a value or many sections."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, Section):
            return kind if field.annotation is kind or NoneType in get_args(field.annotation) else None
    return None


def _row(key: str, field: FieldInfo) -> str:
    meaning = " ".join((field.description or "").split())
    return " | ".join(
        [f"| `{key}`", _code(_kind(field.annotation)), _code(_default(field)), f"{_plain(meaning)} |"]
    )


def _kind(annotation: Any) -> str:
    """A type as it is written, without modules and without what only checks.

    >>> from typing import Annotated, Literal
    >>> _kind(tuple[Annotated[float, "above 0"], ...]), _kind(Literal["bf16", "fp32"] | None)
    ('tuple[float, ...]', 'bf16 or fp32 or None')
    """
    if isinstance(annotation, type) and issubclass(annotation, Enum) and not get_args(annotation):
        return " or ".join(str(one.value) for one in annotation)
    if not (arguments := get_args(annotation)):
        return "None" if annotation is NoneType else getattr(annotation, "__name__", str(annotation))
    if hasattr(annotation, "__metadata__"):
        return _kind(arguments[0])
    if "Literal" in str(annotation).partition("[")[0]:
        return " or ".join(map(str, arguments))
    origin = getattr(annotation, "__name__", "Union")
    kinds = ["..." if one is Ellipsis else _kind(one) for one in arguments]
    return " or ".join(kinds) if origin in ("Union", "Optional", "UnionType") else f"{origin}[{', '.join(kinds)}]"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "below" if _section(field) else str(value.model_dump(mode="json"))
    return re.sub(r"<\w+\.\w+: ('[^']*')>", r"\1", repr(value))


def _code(text: str) -> str:
    return f"`{text}`"


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
