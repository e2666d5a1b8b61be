"""Compare two answers part by part and name the rule by which they are equal.

Single values are compared as text, as plain numbers, or by algebra that the caller supplies.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Sequence

from genprm.answers.forms import Approximated, Choice, Form, Group, Matrix, Named, Union, form_key
from genprm.answers.numbers import numbers_equal, plain_number
from genprm.answers.ratios import SAME_TIME, LeafEqual, Ratio, Time, quotient, ratios_equal, read_time, times_equal
from genprm.answers.text import Leaf, compact, text_key
from genprm.answers.units import units_agree

SAME_TEXT = "the same text"
SAME_WORDS = "the same words"
SAME_NUMBER = "the same number"
ROUNDED_NUMBER = "a decimal that rounds the number"
ANY_ORDER = "the same values in any order"
IN_ORDER = "the same values in this order"
BY_NAME = "the same values for the same names"
BY_LETTER = "the same letter of a choice"

MANY = 64
"""Unmatched values of a list beyond which pairwise comparison is left to a caller with algebra (the worker)."""

_RELATION = re.compile(r"[=<>]|\\(?:le|ge|ne|in)(?![a-zA-Z])")
_FUNCTION = re.compile(r"([a-zA-Z]\w*'*)\(([a-zA-Z])\)")
_EMPTY = Leaf("")


class UndecidedError(Exception):
    """Two values are neither the same text nor both plain numbers: algebra has to decide."""


def undecided(reference: Leaf, given: Leaf) -> str | None:
    """Stand-in for callers that have no algebra.

    Raises:
        UndecidedError: always.
    """
    raise UndecidedError


def compare(reference: Form, given: Form, algebra: LeafEqual) -> str | None:
    """The rule by which two answers are equal; None if they are not."""
    if isinstance(reference, Choice) or isinstance(given, Choice):
        return _compare_choices(reference, given, algebra)
    if isinstance(reference, Approximated) or isinstance(given, Approximated):
        return _compare_approximated(reference, given, algebra)
    if isinstance(reference, Named) or isinstance(given, Named):
        return _compare_named(reference, given, algebra)
    if isinstance(reference, Leaf) and isinstance(given, Leaf):
        return compare_leaves(reference, given, algebra)
    if isinstance(reference, Time) or isinstance(given, Time):
        return _compare_times(reference, given)
    if isinstance(reference, Ratio) or isinstance(given, Ratio):
        return _compare_ratios(reference, given, algebra)
    if isinstance(reference, Union) and isinstance(given, Union):
        return _in_any_order(reference.items, given.items, algebra)
    if isinstance(reference, Matrix) and isinstance(given, Matrix):
        return _compare_matrices(reference, given, algebra)
    if isinstance(reference, Group) and isinstance(given, Group):
        return _compare_groups(reference, given, algebra)
    for one, other in ((reference, given), (given, reference)):
        if isinstance(one, Leaf) and one.words and form_key(one).lower() == form_key(other).lower():
            return SAME_WORDS
    return None


def compare_leaves(reference: Leaf, given: Leaf, algebra: LeafEqual) -> str | None:
    """The rule by which two single values are equal; None if they are not."""
    if reference.words or given.words:
        same = text_key(reference.text) == text_key(given.text) and reference.unit == given.unit
        return SAME_WORDS if same else None
    if not units_agree(reference.unit, given.unit):
        return None
    if compact(reference.text) == compact(given.text):
        return SAME_TEXT
    first, second = plain_number(reference.text), plain_number(given.text)
    if first is not None and second is not None:
        if not numbers_equal(first, second):
            return None
        return SAME_NUMBER if first.value == second.value else ROUNDED_NUMBER
    return algebra(reference, given)


def _compare_times(reference: Form, given: Form) -> str | None:
    """Compare where at least one side is a time: then `5:12:13` on the other side is a time too, not a ratio."""
    times = []
    for form in (reference, given):
        written = form.text if isinstance(form, Leaf) else str(form) if isinstance(form, Ratio) else ""
        times.append(form if isinstance(form, Time) else read_time(written, seconds=True))
    return SAME_TIME if times[0] and times[1] and times_equal(times[0], times[1]) else None


def _compare_ratios(reference: Form, given: Form, algebra: LeafEqual) -> str | None:
    """Compare ratios term by term; a ratio of two terms may also equal a single value, its quotient."""
    if isinstance(reference, Ratio) and isinstance(given, Ratio):
        return ratios_equal(reference, given, lambda a, b: compare_leaves(a, b, algebra))
    values = [quotient(form) if isinstance(form, Ratio) else form for form in (reference, given)]
    if not isinstance(values[0], Leaf) or not isinstance(values[1], Leaf):
        return None
    return compare_leaves(values[0], values[1], algebra)


def _compare_choices(reference: Form, given: Form, algebra: LeafEqual) -> str | None:
    letters, values = [], []
    for form in (reference, given):
        letter = form.letter if isinstance(form, Choice) else None
        if isinstance(form, Leaf) and re.fullmatch(r"(?:\\text ?\{)? ?[A-J] ?\}?", form.text) and not form.unit:
            letter = form.text.strip(" }")[-1]
        letters.append(letter)
        values.append(form.value if isinstance(form, Choice) else form)
    if None not in letters:
        return BY_LETTER if letters[0] == letters[1] else None
    return None if _EMPTY in values else compare(values[0], values[1], algebra)


def _compare_approximated(reference: Form, given: Form, algebra: LeafEqual) -> str | None:
    ours = reference.items if isinstance(reference, Approximated) else (reference,)
    theirs = given.items if isinstance(given, Approximated) else (given,)
    return next((rule for a in ours for b in theirs if (rule := compare(a, b, algebra))), None)


def _compare_named(reference: Form, given: Form, algebra: LeafEqual) -> str | None:
    if isinstance(reference, Named) and isinstance(given, Named):
        if _spoken(reference) or _spoken(given) or reference.name == given.name:
            return compare(reference.value, given.value, algebra)
        functions = _FUNCTION.fullmatch(reference.name), _FUNCTION.fullmatch(given.name)
        if functions[0] and functions[1] and functions[0][1] == functions[1][1]:
            return _compare_functions(reference, given, functions[0][2], functions[1][2], algebra)
        if "\\in " in reference.written.text or "\\in " in given.written.text:
            return None
        return compare_leaves(reference.written, given.written, algebra)
    named, other = (reference, given) if isinstance(reference, Named) else (given, reference)
    assert isinstance(named, Named)
    if isinstance(other, Leaf) and _RELATION.search(other.text) and _RELATION.search(named.written.text):
        pair = (named.written, other) if named is reference else (other, named.written)
        if rule := compare_leaves(*pair, algebra):
            return rule
    if isinstance(named.value, Leaf) and _RELATION.search(named.value.text) and not isinstance(other, Leaf):
        return None
    return compare(named.value, other, algebra) if named is reference else compare(other, named.value, algebra)


def _spoken(form: Named) -> bool:
    """Whether the name is in words; such names need not agree."""
    return "\\text" in form.name or re.fullmatch(r"[A-Za-z][a-z]{2,}[a-z ]*", form.name) is not None


def _compare_functions(reference: Named, given: Named, name: str, other: str, algebra: LeafEqual) -> str | None:
    """Compare one function whose argument is called `name` in `reference` and `other` in `given`."""
    value = given.value
    if isinstance(value, Leaf):
        if re.search(rf"(?<![a-zA-Z\\]){name}(?![a-zA-Z])", value.text):
            return None
        renamed = re.sub(rf"(?<![a-zA-Z\\]){other}(?![a-zA-Z])", name, value.text)
        value = Leaf(renamed, value.unit, value.words)
    return compare(reference.value, value, algebra)


def _is_set(form: Form) -> bool:
    return isinstance(form, Group) and form.open in {"", "\\{"}


def _compare_groups(reference: Group, given: Group, algebra: LeafEqual) -> str | None:
    if _is_set(reference) and _is_set(given):
        rule = _by_name(reference.items, given.items, algebra)
        return rule or _in_any_order(reference.items, given.items, algebra)
    if _is_set(reference):
        return _compare_list_and_tuple(reference, given, algebra)
    if _is_set(given):
        return _compare_list_and_tuple(given, reference, algebra)
    if (reference.open, reference.close) != (given.open, given.close):
        return None
    return _in_order(reference.items, given.items, algebra)


def _compare_list_and_tuple(listed: Group, tupled: Group, algebra: LeafEqual) -> str | None:
    if len(listed.items) == 1 and isinstance(listed.items[0], Group):
        return compare(listed.items[0], tupled, algebra)
    if (tupled.open, tupled.close) != ("(", ")") or listed.open:
        return None
    named = {item.name: item.value for item in listed.items if isinstance(item, Named)}
    if len(named) == len(listed.items):  # x = 5, y = 3 is the point (5, 3)
        return _in_order([named[name] for name in sorted(named)], tupled.items, algebra)
    # Two values in parentheses are a point or an interval; three or more are a list that has an order.
    return _in_order(listed.items, tupled.items, algebra) if len(listed.items) > 2 else None


def _by_name(first: Sequence[Form], second: Sequence[Form], algebra: LeafEqual) -> str | None:
    """`BY_NAME` if all values are named (`x=1, y=2`), each name once, and each has equal values on both sides."""
    ours, theirs = ({form.name: form for form in forms if isinstance(form, Named)} for forms in (first, second))
    if len(ours) != len(first) or len(theirs) != len(second) or set(ours) != set(theirs):
        return None
    return BY_NAME if all(compare(ours[name].value, theirs[name].value, algebra) for name in ours) else None


def _key(form: Form) -> Hashable:
    """A key that two values share only if they are equal without algebra."""
    if isinstance(form, Leaf) and not form.words:
        number = plain_number(form.text)
        return (number.value if number else compact(form.text), form.unit)
    return form


def _in_any_order(first: Sequence[Form], second: Sequence[Form], algebra: LeafEqual) -> str | None:
    """Compare as sets if one side has no repeated value; else each value must occur equally often on both sides."""
    ours, theirs = Counter(map(_key, first)), Counter(map(_key, second))
    if ours == theirs:
        return ANY_ORDER
    if max(ours.values(), default=0) == 1 or max(theirs.values(), default=0) == 1:
        ours, theirs = (Counter(dict.fromkeys(counted, 1)) for counted in (ours, theirs))
    left, right = _rest(first, ours - theirs), _rest(second, theirs - ours)
    if len(left) != len(right):
        return None
    if len(left) > MANY and algebra is undecided:
        raise UndecidedError
    for form in left:
        index = next((i for i, other in enumerate(right) if compare(form, other, algebra)), None)
        if index is None:
            return None
        del right[index]
    return ANY_ORDER


def _rest(forms: Sequence[Form], wanted: Counter[Hashable]) -> list[Form]:
    """The forms that have no partner of the same key on the other side; `wanted` counts them by key."""
    left, found = Counter(wanted), []
    for form in forms:
        if left[key := _key(form)] > 0:
            left[key] -= 1
            found.append(form)
    return found


def _in_order(first: Sequence[Form], second: Sequence[Form], algebra: LeafEqual) -> str | None:
    same = len(first) == len(second) and all(compare(a, b, algebra) for a, b in zip(first, second, strict=True))
    return IN_ORDER if same else None


def _compare_matrices(reference: Matrix, given: Matrix, algebra: LeafEqual) -> str | None:
    if len(reference.rows) != len(given.rows):
        return None
    rows = zip(reference.rows, given.rows, strict=True)
    return IN_ORDER if all(_in_order(a, b, algebra) for a, b in rows) else None
