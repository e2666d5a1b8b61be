"""A block is what a script is to Python, and what it does to Python itself stays its own affair."""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys

import pytest

from genprm.sandbox import open_sandbox
from genprm.sandbox.base import Sandbox
from genprm.settings import SandboxSettings


@pytest.fixture(scope="module")
def settings(level: int) -> SandboxSettings:
    return SandboxSettings(level=level, memory_mb=512, preload=("numpy",))


async def run(sandbox: Sandbox, *blocks: str) -> list[tuple[str, str]]:
    """Status and output of blocks in one session."""
    session = sandbox.session()
    results = [await session.run(code) for code in blocks]
    await session.close()
    return [(result.status, result.output) for result in results]


DOCTEST = '''
import doctest
def f(x):
    """
    >>> f(1)
    3
    """
    return 2
print(doctest.testmod())
'''
UNITTEST = """
import unittest
class T(unittest.TestCase):
    def test(self):
        self.assertEqual(1, 2)
done = unittest.main(argv=[''], exit=False)
print(done.result.testsRun, len(done.result.failures))
"""
SCRIPTS = {
    "doctest": DOCTEST,
    "unittest": UNITTEST,
    "pickle": "import pickle\nclass P:\n    x = 3\nprint(pickle.loads(pickle.dumps(P())).x, P.__module__)",
    "argparse": "import argparse\nparser = argparse.ArgumentParser()\nprint(parser.parse_args())",
    "main": "import __main__\nx = 5\nprint(__name__, __main__.x, __main__.__dict__ is globals())",
    "type hints": "import typing\ndef f(x: int) -> str: ...\nprint(f.__annotations__, typing.get_type_hints(f))",
    "dataclass": "import dataclasses\n@dataclasses.dataclass\nclass D:\n    x: int = 1\nprint(D(), D.__module__)",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_block_does_what_a_script_does(shared: Sandbox, name: str) -> None:
    script = subprocess.run([sys.executable, "-c", SCRIPTS[name]], capture_output=True, text=True, check=True)
    ((status, output),) = asyncio.run(run(shared, SCRIPTS[name]))
    assert (status, output) == ("ok", script.stdout)


async def test_arguments_are_those_of_a_script_without_any(shared: Sandbox) -> None:
    assert await run(shared, "import sys\nprint(sys.argv)") == [("ok", "['']\n")]


@pytest.mark.parametrize(
    ("code", "said"),
    [("'FAILED: x is not 4'", "FAILED: x is not 4"), ("3", ""), ("True", ""), ("", ""), ("(1, 2)", "(1, 2)")],
)
async def test_what_a_block_says_when_it_exits_is_output(shared: Sandbox, code: str, said: str) -> None:
    assert await run(shared, f"import sys\nprint('so far')\nsys.exit({code})") == [("exit", f"so far\n{said}")]


CLASSES = """
def twice(f):
    return f

@twice
class Outer:
    class Inner:
        x = 1

    def method(self):
        return 2

def make():
    class Local:
        y = 3
    return Local
"""


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("twice", "def twice(f):\n    return f\n"),
        (
            "Outer",
            "@twice\nclass Outer:\n    class Inner:\n        x = 1\n\n    def method(self):\n        return 2\n",
        ),
        ("Outer.Inner", "    class Inner:\n        x = 1\n"),
        ("Outer().method", "    def method(self):\n        return 2\n"),
        ("make()", "    class Local:\n        y = 3\n"),
        ("json.dumps", inspect.getsource(json.dumps)),
    ],
)
async def test_the_source_of_what_a_block_defined_is_found(shared: Sandbox, name: str, source: str) -> None:
    *_, found = await run(
        shared, CLASSES, "x = 1", f"import inspect, json\nprint(inspect.getsource({name}), end='')"
    )
    assert found == ("ok", source)


async def test_the_source_is_that_of_the_latest_definition(shared: Sandbox) -> None:
    show = "import inspect\nprint(inspect.getsource(C) + inspect.getsource(f), end='')"
    *_, found = await run(shared, "class C: x = 1\ndef f(): 1", "\nclass C: x = 2\ndef f(): 2", show)
    assert found == ("ok", "class C: x = 2\ndef f(): 2\n".rstrip("\n"))
    *_, (status, output) = await run(shared, "f = eval('lambda: 1')", "import inspect\ninspect.getsource(f)")
    assert (status, "OSError" in output) == ("error", True)


async def test_long_integers_can_be_printed(shared: Sandbox) -> None:
    assert await run(shared, "print(len(str(2**20000)), int('7' * 5000) % 10)") == [("ok", "6021 7\n")]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import threading\nthreading.Thread().start()", "(code runs in one thread here)"),
        ("import os\nos.fork()", "(not allowed here: other processes, network, other users)"),
        ("open('/etc/passwd')", "No such file"),
    ],
)
async def test_a_refusal_says_why(shared: Sandbox, code: str, why: str) -> None:
    ((status, output),) = await run(shared, code)
    assert status == "error"
    if "passwd" not in code or shared.level == 1:
        assert why in output
    else:
        assert "(not allowed here: files other than those of Python and its libraries)" in output


async def test_a_temporary_file_is_made_or_refused_with_the_reason(shared: Sandbox) -> None:
    ((status, output),) = await run(shared, "import tempfile\ntempfile.NamedTemporaryFile()\nprint('made')")
    made = shared.level == 1
    assert (status, output) == ("ok", "made\n") if made else "(no file can be written here)" in output


NAMES = (
    "print",
    "len",
    "sum",
    "open",
    "str",
    "int",
    "isinstance",
    "min",
    "repr",
    "BaseException",
    "OSError",
    "type",
)


@pytest.mark.parametrize("name", NAMES)
async def test_a_patched_name_ends_nothing_and_lasts(shared: Sandbox, name: str) -> None:
    results = await run(
        shared,
        f"import builtins, sys\nbuiltins.{name} = None",
        f"sys.stdout.write('None' if {name} is None else 'whole')\nNone",
        f"{name}.attribute",
    )
    assert results[0] == ("ok", "")
    assert results[1] == ("ok", "None")
    assert results[2] == (
        "error",
        "Code execute Error: AttributeError: 'NoneType' object has no attribute 'attribute'",
    )


async def test_patched_modules_end_nothing(shared: Sandbox) -> None:
    patches = "import io, json, os, signal, struct\nos.read = os.write = os.dup2 = json.loads = json.dumps = None\n"
    patches += "io.TextIOWrapper = signal.signal = signal.setitimer = struct.Struct = None\n"
    assert await run(shared, patches, "print('on')") == [("ok", ""), ("ok", "on\n")]


@pytest.mark.parametrize("hook", ["settrace", "setprofile"])
async def test_a_trace_function_ends_with_its_block(shared: Sandbox, hook: str) -> None:
    first, second = await run(
        shared,
        f"import sys\ndef f(*_):\n    raise ValueError('traced')\nsys.{hook}(f)",
        "def g(): pass\ng()\nprint('on')",
    )
    assert first in [("ok", ""), ("error", "Code execute Error: ValueError: traced")]
    assert second == ("ok", "on\n")


async def test_an_alarm_that_a_block_leaves_behind_does_not_ring(shared: Sandbox) -> None:
    leave = "import signal, time\nsignal.signal(signal.SIGALRM, lambda *_: 1 / 0)\n"
    leave += "signal.setitimer(signal.ITIMER_REAL, 0.1)"
    assert await run(shared, leave, "time.sleep(0.2)\nprint('on')") == [("ok", ""), ("ok", "on\n")]


async def test_a_block_that_writes_to_the_interpreter_is_told_so(shared: Sandbox) -> None:
    ((status, output),) = await run(shared, "import os\nos.write(3, b'x' * 64)")
    assert status == "protocol_violation"
    assert output == "Code execute Error: ProtocolViolation: the code wrote to the interpreter's own descriptors"


ECHOES = {
    "x = 6\nx * 7": "42\n",
    "'text'": "'text'\n",
    "None": "",
    "print(1)": "1\n",
    "x = 1": "",
    "# nothing": "",
    "1\n2": "2\n",
    "from __future__ import annotations\n(lambda: 3)()": "3\n",
    "'so far'\n1 / 0": "Code execute Error: ZeroDivisionError: division by zero",
    "1 +": "Code execute Error: SyntaxError: invalid syntax (<string>, line 1)",
}


async def test_a_bare_last_expression_is_shown_where_that_is_asked_for(
    shared: Sandbox, settings: SandboxSettings
) -> None:
    assert await run(shared, "6 * 7") == [("ok", "")]
    sandbox = open_sandbox(settings.model_copy(update={"echo_last": True}))
    assert {code: (await run(sandbox, code))[0][1] for code in ECHOES} == ECHOES
    await sandbox.close()


async def test_stderr_is_shown_in_its_place_where_that_is_asked_for(settings: SandboxSettings) -> None:
    sandbox = open_sandbox(settings.model_copy(update={"show_stderr": True}))
    code = (
        "import sys, traceback, warnings\nprint('a')\nprint('b', file=sys.stderr)\nprint('c')\nwarnings.warn('d')\n"
    )
    code += "try:\n    1 / 0\nexcept ZeroDivisionError:\n    traceback.print_exc()"
    ((_, output),) = await run(sandbox, code)
    await sandbox.close()
    assert output.startswith("a\nb\nc\n<string>:5: UserWarning: d\nTraceback (most recent call last):\n")
    assert output.endswith("ZeroDivisionError: division by zero\n")
