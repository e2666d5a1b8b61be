"""How often Python looks for garbage in our own programs."""

from __future__ import annotations

import subprocess
import sys

COUNTED = """
import atexit, gc
from genprm.quick_start import collect_seldom, importing

looks = []
gc.callbacks.append(lambda phase, info: looks.append(phase == "start"))

def looked(objects):
    before = len(looks)
    kept.extend([[] for _ in range(objects)])
    return len(looks) > before

kept = []
"""


def printed(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", COUNTED + program], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_what_is_imported_is_never_looked_at() -> None:
    said = printed(
        "with importing():\n    inside = looked(100_000)\n"
        "print(inside, gc.isenabled(), gc.get_freeze_count() > 100_000, looked(10_000))"
    )
    assert said == "False True True True"


def test_a_program_looks_seldom_but_looks() -> None:
    assert printed("collect_seldom(); print(looked(10_000), looked(100_000))") == "False True"


def test_nothing_is_looked_at_when_a_program_ends() -> None:
    found = "atexit.register(lambda: print(len(gc.get_objects())))\n"  # what is registered first runs last
    assert printed(found + "collect_seldom()") == "0"
    assert printed(found + "with importing(): pass") == "0"
