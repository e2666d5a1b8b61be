"""The self-test of a sandbox before it runs any code: in a real session, things are tried that each layer must
stop, and things that a session must still be able to do."""

from __future__ import annotations

import json
from dataclasses import dataclass

from genprm.sandbox.base import SandboxError
from genprm.sandbox.child import BlockOptions, Child
from genprm.settings import SandboxSettings

_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """Something that must fail (`forbidden`) or succeed at the levels named, tried by running `code`."""

    code: str
    levels: tuple[int, ...]
    forbidden: bool = True


ATTEMPTS = {
    "open a socket": Attempt("import socket\nsocket.socket()", (1, 2, 3)),
    "start a process": Attempt("import os\nif os.fork() == 0:\n    os._exit(0)", (1, 2, 3)),
    "run a program": Attempt("import os\nos.execv(sys.executable, ['python', '-c', 'print([])'])", (1, 2, 3)),
    "take more memory than allowed": Attempt("bytearray((memory_mb + 64) * 2**20)", (1, 2, 3)),
    "read /etc/passwd": Attempt("open('/etc/passwd')", (1, 2)),
    "list the root directory": Attempt("import os\nos.listdir('/')", (1, 2)),
    "read the memory of its parent": Attempt("import os\nopen(f'/proc/{os.getppid()}/mem', 'rb')", (1, 2)),
    "write in /tmp": Attempt("open('/tmp/genprm-selftest', 'x')", (1, 2)),
    "fill more than its scratch directory": Attempt(
        "import os\nwith open('filled', 'wb') as file:\n"
        "    os.posix_fallocate(file.fileno(), 0, (scratch_mb + 1) * 2**20)",
        (1,),
    ),
    "write in its scratch directory": Attempt(
        "import os\nwith open('written', 'w') as file:\n    file.write('x')\nassert open('written').read() == 'x'\n"
        "os.remove('written')",
        (1,),
        forbidden=False,
    ),
    "import a module that was not loaded": Attempt(
        "assert 'mailbox' not in sys.modules\nimport mailbox", (0, 1, 2, 3), forbidden=False
    ),
}

_SCRIPT = """
import json, sys
went_through = []
for name, code in json.loads({attempts!r}).items():
    try:
        exec(code, {{"memory_mb": {memory_mb}, "scratch_mb": {scratch_mb}, "sys": sys}})
    except Exception:  # what an attempt raises is how it was stopped
        continue
    went_through.append(name)
print(json.dumps(went_through))
"""


async def require(child: Child, level: int, settings: SandboxSettings) -> None:
    """Refuse a sandbox with a hole.

    Raises:
        SandboxError: an attempt of the level did not end as it should, and the message names it; or the session did
            not get to the end of the attempts.
    """
    wanted = {name: attempt for name, attempt in ATTEMPTS.items() if level in attempt.levels}
    script = _SCRIPT.format(
        attempts=json.dumps({name: attempt.code for name, attempt in wanted.items()}),
        memory_mb=settings.memory_mb,
        scratch_mb=settings.scratch_mb,
    )
    await child.start()
    outcome = await child.run(script, BlockOptions.of(settings.model_copy(update={"seconds": _SECONDS})))
    if outcome.kind != "ok":
        raise SandboxError(f"self-test ended with {outcome.kind}: {outcome.detail or 'no reason given'}")
    went_through = json.loads(outcome.output)
    wrong = [
        f"{name}: {'let through' if attempt.forbidden else 'not possible'}"
        for name, attempt in wanted.items()
        if attempt.forbidden == (name in went_through)
    ]
    if wrong:
        raise SandboxError(f"self-test failed: {'; '.join(wrong)}")
