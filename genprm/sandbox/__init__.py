"""How model-written code is run: never in the process that asks for it (interface: `genprm.sandbox.base`).

| level | what holds the code | here |
|---|---|---|
| 1 | level 2 inside namespaces of its own | not available yet |
| 2 | own process and user id, Landlock, system call filter, resource limits | the default |
| 3 | own process and resource limits only | only when asked for |
| 0 | nothing | refused |
"""

from __future__ import annotations

from genprm.sandbox.base import Sandbox, SandboxError
from genprm.settings import SandboxSettings


def open_sandbox(settings: SandboxSettings) -> Sandbox:
    """A sandbox at the level asked for; the best available one (2) when no level is named.

    Raises:
        SandboxError: the level is not available; the message says what is missing.
    """
    level = 2 if settings.level is None else settings.level
    if level == 1:
        raise SandboxError(
            "sandbox level 1 is not available: it needs bubblewrap support; level 2 is (sandbox.level=2)"
        )
    if level == 0:
        raise SandboxError("sandbox level 0 would run model-written code in this process: refused (allowed: 2, 3)")
    from genprm.sandbox.local import LocalSandbox

    return LocalSandbox(settings, level)
