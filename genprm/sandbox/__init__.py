"""How model-written code is run: never in the process that asks for it (interface: `genprm.sandbox.base`).

| level | what holds the code | when |
|---|---|---|
| 1 | level 2 in namespaces of its own, with a capped scratch directory | the default where it can be had |
| 2 | own process, Landlock, system call filter, resource limits; own user id if possible | the default elsewhere |
| 3 | own process, system call filter and resource limits: files can be read | only when asked for |
| 0 | own process, limits of time and output: nothing else | only when asked for |
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from genprm.sandbox.base import Sandbox, SandboxError
from genprm.settings import SandboxSettings

if TYPE_CHECKING:
    from genprm.sandbox.docker import DockerHost

_LOUD = {
    3: "sandbox level 3: model-written code can read every file that this user can, and create or empty files",
    0: "sandbox level 0: model-written code can do all that this user can: files, network, processes, any memory",
}


def open_sandbox(settings: SandboxSettings) -> Sandbox:
    """A sandbox at the level asked for; the best available one (1, else 2) when no level is named.

    With `settings.docker` it is level 2 in a container of that image. Levels 3 and 0 warn. The level never changes
    afterwards.

    Raises:
        SandboxError: the level is not available; the message says what is missing and what would help.
    """
    from genprm.sandbox import probe
    from genprm.sandbox.bubblewrap import BubblewrapHost
    from genprm.sandbox.hosts import ProcessHost
    from genprm.sandbox.local import LocalSandbox

    if settings.docker is not None:
        return LocalSandbox(settings, _docker_host(settings.docker, settings.level))
    level = probe.best_level() if settings.level is None else settings.level
    if level is None:
        raise SandboxError(f"{probe.refusal(2)}; levels 3 and 0 are weaker and have to be asked for by number")
    if probe.lacking(level):
        raise SandboxError(probe.refusal(level))
    if level in _LOUD:
        warnings.warn(_LOUD[level], stacklevel=2)
    return LocalSandbox(settings, BubblewrapHost() if level == 1 else ProcessHost(level))


def _docker_host(image: str, level: int | None) -> DockerHost:
    from genprm.sandbox.docker import DockerHost

    if level not in (None, DockerHost.level):
        raise SandboxError(f"sandbox.level is {level}, allowed with sandbox.docker: {DockerHost.level}")
    return DockerHost(image)
