"""GenPRM: a generative process reward model that reasons, runs code, and judges every step of a solution.

from genprm import GenPRM
prm = GenPRM.load("miniature/rationale")
result = prm.score(problem, steps, votes=8)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genprm.prm import GenPRM
    from genprm.verification.voting import Result

__all__ = ["GenPRM", "Result"]


def __getattr__(name: str) -> Any:
    # On first use only: the command line and the orchestration import this package for its light modules.
    if name in __all__:
        import genprm.prm

        return getattr(genprm.prm, name)
    raise AttributeError(f"module 'genprm' has no attribute {name!r}")
