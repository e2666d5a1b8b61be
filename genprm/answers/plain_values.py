"""Whole values in plain text: `1,250.50`, `3/4`, `2√3`, `16π`, `1.5 × 10^3`, `3:2`, `3:30 p.m.`, `(3, -4)`."""

from __future__ import annotations

import re

_DIGITS = r"(?:\d+(?:,\d{3}(?!\d))*(?:\.\d+)?|(?<![\w.])\.\d+)"
_RAISED = r"(?:\^(?:\{[^{}\n]{1,20}\}|\(?[-−]?\d+\)?)|[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)"
_TEN = rf"(?:\s?(?:[×x*·]|\\times)\s?10{_RAISED})"
_ROOT = r"(?:√(?:\d+(?:\.\d+)?|\([^()\n]{1,40}\))|(?<![a-zA-Z\\])sqrt\([^()\n]{1,40}\))"
_FACTOR = rf"(?:[*·]?\s?(?:{_ROOT}|π|pi\b))"
_PRODUCT = rf"(?:{_DIGITS}(?:{_TEN}|{_RAISED})?{_FACTOR}{{0,3}}|{_ROOT}{_FACTOR}{{0,2}}|π(?=/\d))"
_QUOTIENT = rf"{_PRODUCT}(?:/{_PRODUCT})?"
_MIXED = r"\d+ \d+/\d+"
_COLONS = rf"{_DIGITS}(?:(?::{_DIGITS})+|(?: : {_DIGITS})+)(?:\s?[ap]\.?m\b\.?)?"
_SIGN = r"(?:(?<![\w)}.\]^])[-−])?"
_ENTRY = rf"\s?[-−+]?(?:{_QUOTIENT}|∞)"
# A comma without a blank may separate thousands.
_TUPLE = rf"(?<![\w\\])[(\[]{_ENTRY}(?:,(?=\s|(?!\d{{3}}(?!\d))){_ENTRY})+\s?[)\]]"
_NEITHER_EXPONENT_NOR_INDEX = r"(?<!\d)(?<!\^)(?<!\^\{)(?<!\^[-−])(?<![a-zA-Z]_)"
PLAIN_VALUE = re.compile(
    rf"{_TUPLE}|{_NEITHER_EXPONENT_NOR_INDEX}{_SIGN}(?:{_COLONS}|{_MIXED}|{_QUOTIENT})%?", re.IGNORECASE
)
"""A number with its sign, powers, roots, π and percent sign; a ratio; a time; a point or interval of numbers."""
