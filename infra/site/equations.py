"""Equations of the documentation as MathML, which browsers draw without scripts or fonts from elsewhere."""

from __future__ import annotations

from typing import Any

from latex2mathml.converter import convert


def equation(source: str, language: str, css_class: str, options: Any, md: Any, **rest: Any) -> str:
    """A fence tagged `math` as a displayed equation; called by pymdownx.superfences, which sets the signature."""
    return f'<div class="{css_class}">{convert(source.strip(), display="block")}</div>'
