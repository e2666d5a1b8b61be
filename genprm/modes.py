"""How a step is judged: what a turn consists of, and whether its code is run (paper 4.3 and table 5)."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """A way of judging a step. It is its own name, so that tables, journals and profiles hold plain words.

    >>> Mode("cot").analysis, Mode("cot").code, f"{Mode.COT}"
    (True, False, 'cot')
    """

    FULL = "full"
    """Analysis, then code that is run: the paper's GenPRM."""
    COT = "cot"
    """Analysis alone."""
    CODE = "code"
    """Code that is run, without analysis."""
    TEXT = "text"
    """Analysis and code, which is written and not run."""
    DIRECT = "direct"
    """The verdict alone."""
    CODE_UNRUN = "code_unrun"
    """Code alone, written and not run."""
    ADAPTIVE = "adaptive"
    """The verdict alone; with analysis if that verdict is not sure, then with code if it still is not."""

    def __repr__(self) -> str:
        return repr(self.value)

    @property
    def analysis(self) -> bool:
        """Whether a turn has an analysis before its verdict."""
        return self not in (Mode.CODE, Mode.DIRECT, Mode.CODE_UNRUN)

    @property
    def code(self) -> bool:
        """Whether a turn has code before its verdict."""
        return self not in (Mode.COT, Mode.DIRECT)

    @property
    def runs(self) -> bool:
        """Whether the code of a turn is run."""
        return self in (Mode.FULL, Mode.CODE, Mode.ADAPTIVE)

    @property
    def sampled(self) -> bool:
        """Whether text is sampled before the verdict. If none is, the verdict is the same on every path."""
        return self.analysis or self.code

    @property
    def unrun(self) -> Mode | None:
        """The mode with the same turn whose code is not run; None where there is no such mode."""
        return {Mode.FULL: Mode.TEXT, Mode.CODE: Mode.CODE_UNRUN}.get(self)

    def contains(self, other: Mode) -> bool:
        """Whether a turn of `other` can be cut out of a turn of this mode.

        >>> Mode.FULL.contains(Mode.CODE), Mode.COT.contains(Mode.CODE), Mode.TEXT.contains(Mode.CODE)
        (True, False, False)
        """
        if Mode.ADAPTIVE in (self, other):
            return False
        parts = ((self.analysis, other.analysis), (self.code, other.code), (self.runs, other.runs))
        return all(own or not wanted for own, wanted in parts)

    def contained(self) -> tuple[Mode, ...]:
        """The modes whose turns can be cut out of turns of this one, its own first.

        >>> Mode.CODE.contained()
        ('code', 'direct', 'code_unrun')
        """
        return (self, *(mode for mode in Mode if mode is not self and self.contains(mode)))
