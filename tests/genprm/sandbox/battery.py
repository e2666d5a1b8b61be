"""Hostile and unlucky scripts, each with the ways in which it may end.

They run with 1 second of CPU time, 3 seconds by the clock, 256 MB of memory, 4096 bytes of output and, where there
is a scratch directory, 4 MB and 100 files in it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from genprm.sandbox.base import Execution, Sandbox
from genprm.settings import SandboxSettings

SETTINGS = SandboxSettings(
    seconds=1.0,
    wall_factor=3.0,
    memory_mb=256,
    output_bytes=4096,
    scratch_mb=4,
    scratch_files=100,
    workers=2,
)


@dataclass(frozen=True, slots=True)
class Case:
    """`statuses` are separated by spaces; the output holds one of `shown`."""

    code: str
    statuses: str
    shown: tuple[str, ...] = ("",)


async def run_once(sandbox: Sandbox, code: str) -> Execution:
    """One block in a session of its own."""
    session = sandbox.session()
    try:
        return await asyncio.wait_for(session.run(code), 90)
    finally:
        await session.close()


WAITED = ("Code execute time out: 3 seconds by the clock",)
TIME_OUT = ("Code execute time out: 1 seconds", *WAITED)
"""A busy machine may not give a block its second of CPU time in three."""
DENIED = ("Code execute Error: PermissionError",)
OUT_OF_REACH = (*DENIED, "Code execute Error: FileNotFoundError")
"""At level 1 most files are not even there."""
NO_MEMORY = ("Code execute Error: MemoryError: ",)
NO_THREAD = ("Code execute Error: RuntimeError: can't start new thread",)
ANY_ERROR = ("Code execute Error: ",)
STOPPED = "timeout killed_timeout"
FLOODED = "killed_output timeout killed_timeout"
MEMORY_OR_TIME = (f"error {STOPPED}", (*NO_MEMORY, *TIME_OUT))
"""A busy machine may take more than the second to fill the memory."""

_SWALLOW = """
def forever():
    n = 0
    while True:
        n += 1
while True:
    try:
        forever()
    except BaseException:
        pass
"""
_DEAF = """
import signal
for number in (signal.SIGALRM, signal.SIGPROF):
    signal.signal(number, signal.SIG_IGN)
for timer in (signal.ITIMER_REAL, signal.ITIMER_PROF):
    signal.setitimer(timer, 0)
n = 0
while True:
    n += 1
"""
_DEAFER = f"""
import resource, signal
signal.signal(signal.SIGXCPU, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_CPU, (500, 500))
{_DEAF}
"""
_ENDLESS_IMPORT = """
import importlib, json, sys
while True:
    for name in [name for name in sys.modules if name.startswith("json")]:
        del sys.modules[name]
    import json
"""
_THREAD = "import threading, time\n"
_LIVE_ON = """
def later():
    time.sleep(0.2)
    print("from the past")
threading.Thread(target=later).start()
"""
_HANGS = {
    "endless loop": Case("while True:\n    pass", "timeout", TIME_OUT),
    "loop that swallows everything": Case(_SWALLOW, "killed_timeout", TIME_OUT),
    "loop without an alarm": Case(_DEAF, "killed_timeout", TIME_OUT),
    "loop without an alarm or a limit of CPU time": Case(_DEAFER, "killed_timeout", WAITED),
    "loop in imports": Case(_ENDLESS_IMPORT, "timeout killed_timeout", ("Code execute time out: ",)),
    "sleep": Case("import time\ntime.sleep(60)", "timeout", WAITED),
    "sleep that swallows everything": Case(
        "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except BaseException:\n        pass",
        "killed_timeout",
        WAITED,
    ),
    "hang in C: regular expression": Case("import re\nre.match('(a+)+b', 'a' * 40)", STOPPED, TIME_OUT),
    "hang in C: huge power": Case("print(len(str(7 ** (10 ** 9))))", STOPPED, TIME_OUT),
    "hang in C: power tower": Case("print(10 ** 10 ** 8)", f"{STOPPED} error", (*TIME_OUT, *ANY_ERROR)),
    "hang in sympy": Case(
        "import sympy\nprint(sympy.factorint(sympy.nextprime(10**40) * sympy.nextprime(10**41)))", STOPPED, TIME_OUT
    ),
    "stops itself": Case("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", "killed_timeout", WAITED),
    "fifo": Case("import os\nos.mkfifo('pipe')\nopen('pipe')", "error", DENIED),
    "waits for input": Case("input()", "error", ("EOFError: EOF when reading a line",)),
}

_MULTIPLICATION = {
    "fork bomb": Case("import os\nwhile True:\n    os.fork()", "error", DENIED),
    "daemonised grandchild": Case(
        "import os\nif os.fork() == 0:\n    os.setsid()\n    os.fork()\n    while True: pass", "error", DENIED
    ),
    "thread bomb": Case(
        f"{_THREAD}while True:\n    threading.Thread(target=time.sleep, args=(9,)).start()", "error", NO_THREAD
    ),
    "thread left over": Case(_THREAD + _LIVE_ON, "error", NO_THREAD),
    "process pool": Case(
        "from multiprocessing import Pool\nwith Pool(2) as pool:\n    print(pool.map(abs, [1]))", "error", ANY_ERROR
    ),
    "exec a program": Case("import os\nos.execv('/bin/true', ['true'])", "error", DENIED),
    "run a program": Case("import subprocess\nsubprocess.run(['true'])", "error", DENIED),
    "shell": Case("import os\nprint(os.system('echo through') != 0)", "ok", ("True\n",)),
}

_MEMORY = {
    "3 GB at once": Case("x = bytearray(3 * 2**30)", "error", NO_MEMORY),
    "growing list": Case("x = []\nwhile True:\n    x.append(bytearray(2**20))", *MEMORY_OR_TIME),
    "reads /dev/zero without end": Case("open('/dev/zero', 'rb').read()", *MEMORY_OR_TIME),
    "memory in a memfd": Case("import os\nos.memfd_create('x')", "error", DENIED),
    "shared memory left behind": Case(
        "import ctypes\nprint(ctypes.CDLL(None).shmget(0, 2**20, 0o1600))", "ok", ("-1\n",)
    ),
    "shared memory of Python": Case(
        "from multiprocessing import shared_memory\nshared_memory.SharedMemory(create=True, size=2**20)",
        "error",
        OUT_OF_REACH,
    ),
    "5000 open files": Case(
        "files = [open('/dev/null') for _ in range(5000)]", "error", ("Code execute Error: OSError: [Errno 24]",)
    ),
    "raise own limits": Case(
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))", "error", ("ValueError",)
    ),
    "recursion": Case("def f(): f()\nf()", "error", ("Code execute Error: RecursionError",)),
    "recursion past the limit": Case(
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(x): return sorted([x], key=lambda y: f(y))\nf(1)",
        "died error killed_timeout",
        ("Code execute",),
    ),
    "deeply nested source": Case("(" * 100000 + ")" * 100000, "error died killed_timeout", ("Code execute",)),
    "deeply nested source that evaluates": Case(
        "-" * 200000 + "1", "error died killed_timeout ok", ("Code execute", "")
    ),
    "huge source": Case("x = 1\n" * 10**6, "error", ("Code execute Error: ValueError: code is longer than",)),
    "source of 200 MB": Case("#" * 200 * 10**6, "error", ("Code execute Error: ValueError: code is longer than",)),
}

_OUTPUT = {
    "output flood by print": Case("while True:\n    print('x' * 10000)", FLOODED, ("Code execute",)),
    "output flood by descriptor": Case(
        "import os\nwhile True:\n    os.write(1, b'x' * 65536)", FLOODED, ("Code execute",)
    ),
    "stderr flood": Case(
        "import os, sys\nwhile True:\n    print('x' * 10000, file=sys.stderr)\n    os.write(2, b'x' * 65536)",
        STOPPED,
        TIME_OUT,
    ),
    "NUL in the source": Case("print(1)\0", "error", ANY_ERROR),
    "surrogate in the source": Case("print('\ud800')", "error", ("Code execute Error: UnicodeEncodeError",)),
    "prints a surrogate": Case("print(chr(0xd800))", "error", ("Code execute Error: UnicodeEncodeError",)),
    "prints invalid UTF-8": Case("import os\nos.write(1, b'\\xff')\n1", "ok", ("\ufffd",)),
    "closes its output": Case("import sys\nprint('a')\nsys.stdout.close()", "ok", ("a\n",)),
    "no output object": Case("import sys\nsys.stdout = None\nprint('a')", "ok"),
    "closes every descriptor": Case(
        "import os\nos.closerange(0, 64)", "died", ("Code execute Error: ProcessDied",)
    ),
}

_ENDINGS = {
    "os._exit": Case("import os\nprint('gone')\nos._exit(0)", "died", ("ProcessDied: exit status 0",)),
    "os.abort": Case("import os\nos.abort()", "died", ("ProcessDied: exit status -6",)),
    "null pointer": Case("import ctypes\nctypes.string_at(0)", "died", ("ProcessDied: exit status -11",)),
    "sys.exit": Case("import sys\nprint('so far')\nsys.exit(3)", "exit", ("so far",)),
    "KeyboardInterrupt": Case("raise KeyboardInterrupt", "error", ("Code execute Error: KeyboardInterrupt: ",)),
    "own BaseException": Case("class E(BaseException): pass\nraise E('!')", "error", ("Code execute Error: E: !",)),
    "exception that cannot print": Case(
        "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E",
        "error",
        ("Code execute Error: E: <",),
    ),
    "syntax error": Case(
        "def f(:", "error", ("Code execute Error: SyntaxError: invalid syntax (<string>, line 1)",)
    ),
    "no code": Case(" \n", "error", ("Code format error: No code found.",)),
}

_OTHERS = {
    "kill parent": Case("import os\nos.kill(os.getppid(), 9)", "error", DENIED),
    "kill everyone": Case("import os\nos.kill(-1, 9)", "error", DENIED),
    "starve parent": Case(
        "import os, resource\nresource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))", "error", DENIED
    ),
    "ptrace parent": Case(
        "import ctypes, os\nprint(ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0))", "ok", ("-1\n",)
    ),
    "memory of parent": Case("import os\nopen(f'/proc/{os.getppid()}/mem', 'rb')", "error", OUT_OF_REACH),
    "own memory by file": Case("open('/proc/self/mem', 'r+b')", "error", OUT_OF_REACH),
    "environment of others": Case("print(open('/proc/1/environ').read())", "error", OUT_OF_REACH),
    "command lines of others": Case("import os\nprint(os.listdir('/proc'))", "error", DENIED),
}

_FILES = {
    "read /etc/shadow": Case("print(open('/etc/shadow').read())", "error", OUT_OF_REACH),
    "read /etc/passwd": Case("print(open('/etc/passwd').read())", "error", OUT_OF_REACH),
    "list the root": Case("import os\nprint(os.listdir('/'))", "error", DENIED),
    "list the home directory": Case("import os\nprint(os.listdir('/root'))", "error", OUT_OF_REACH),
    "import the project": Case("import genprm.sandbox", "error", ("Code execute Error: ModuleNotFoundError",)),
    "write in /tmp": Case(
        "open('/tmp/escaped', 'w').write('x')", "error", (*OUT_OF_REACH, "Error: OSError: [Errno 30]")
    ),
    "write in /dev/shm": Case("open('/dev/shm/escaped', 'w').write('x')", "error", OUT_OF_REACH),
    "change an installed library": Case(
        "import sympy\nopen(sympy.__file__, 'a').write('x')", "error", (*DENIED, "Error: OSError: [Errno 30]")
    ),
    "remove an installed library": Case(
        "import os, sympy\nos.remove(sympy.__file__)", "error", (*DENIED, "Error: OSError: [Errno 30]")
    ),
    "symlink to a secret": Case(
        "import os\nos.symlink('/etc/shadow', 'link')\nprint(open('link').read())", "error", DENIED
    ),
    "climb out of the scratch directory": Case("print(open('../../etc/passwd').read())", "error", OUT_OF_REACH),
    "fill the disk": Case(
        "with open('big', 'wb') as file:\n    while True:\n        file.write(b'x' * 2**20)",
        "error",
        (*DENIED, "Error: OSError: [Errno 27]", "Error: OSError: [Errno 28]"),
    ),
    "20000 small files": Case(
        "for i in range(20000):\n    open(f'{i}', 'w').close()", "error", (*DENIED, "Error: OSError: [Errno 28]")
    ),
    "raw disk": Case("open('/dev/sda', 'rb').read(1)", "error", OUT_OF_REACH),
    "sysrq": Case("open('/proc/sysrq-trigger', 'w').write('b')", "error", OUT_OF_REACH),
    "core pattern": Case("open('/proc/sys/kernel/core_pattern', 'w').write('|x')", "error", OUT_OF_REACH),
}

_LIBC = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
_KERNEL = {
    "TCP socket": Case("import socket\nsocket.socket()", "error", DENIED),
    "UDP outside": Case(
        "import socket\nsocket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 9))", "error", DENIED
    ),
    "name lookup": Case("import socket\nsocket.getaddrinfo('example.org', 80)", "error", ("Error: gaierror",)),
    "unix socket pair": Case("import socket\nsocket.socketpair()", "error", DENIED),
    "download": Case(
        "import urllib.request\nurllib.request.urlopen('http://192.0.2.1/')", "error", ("Error: URLError",)
    ),
    "new namespace": Case(f"{_LIBC}print(libc.unshare(0x10000000))", "ok", ("-1\n",)),
    "mount": Case(f"{_LIBC}print(libc.mount(b'none', b'/', b'tmpfs', 0, None))", "ok", ("-1\n",)),
    "io_uring": Case(f"{_LIBC}print(libc.syscall(425, 1, ctypes.create_string_buffer(256)))", "ok", ("-1\n",)),
    "bpf": Case(f"{_LIBC}print(libc.syscall(321, 0, None, 0))", "ok", ("-1\n",)),
    "keyring": Case(f"{_LIBC}print(libc.syscall(250, 0, -3, 1))", "ok", ("-1\n",)),
    "handle of another process": Case("import os\nos.pidfd_open(os.getppid())", "error", DENIED),
    "32-bit system call numbers": Case(
        "import ctypes, mmap\n"
        "page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)\n"
        "page.write(bytes.fromhex('b814000000cd80c3'))\n"  # mov eax, 20 (getpid); int 0x80; ret
        "place = ctypes.addressof(ctypes.c_char.from_buffer(page))\n"
        "print(ctypes.CFUNCTYPE(ctypes.c_int)(place)() < 0)",
        "ok died",
        ("True\n", "ProcessDied"),
    ),
    "become root": Case("import os\nos.setuid(0)", "error", DENIED),
}

_FORGE = """
import json, os, struct
body = json.dumps({"nonce": "0" * 32, "status": "ok", "error": ""}).encode()
for descriptor in range(3, 64):
    try:
        os.write(descriptor, struct.pack("!I", len(body)) + body)
    except OSError:
        pass
"""
_EVERYWHERE = """
import os
for descriptor in range(3, 64):
    try:
        os.write(descriptor, {})
    except OSError:
        pass
"""
_PICKLE = "b'\\x00\\x00\\x00\\x2ecposix\\nsystem\\n(S\"touch /tmp/pickled\"\\ntR.' + b' ' * 24"
_VIOLATION = ("Code execute Error: ProtocolViolation",)
_PROTOCOL = {
    "breaks print, json and os": Case(
        "import builtins, json, os\nbuiltins.print = json.dumps = os.write = os.read = None", "ok"
    ),
    "breaks sympy": Case(
        "import sympy\nsympy.Integer = sympy.solve = None\nimport builtins\nbuiltins.sum = 3", "ok"
    ),
    "forged answers": Case(_FORGE, "protocol_violation", _VIOLATION),
    "garbage on every descriptor": Case(_EVERYWHERE.format("b'\\xff' * 65536"), "protocol_violation", _VIOLATION),
    "pickle bomb on every descriptor": Case(_EVERYWHERE.format(_PICKLE), "protocol_violation", _VIOLATION),
    "passes a descriptor back": Case(
        "import socket\nsocket.send_fds(socket.socket(fileno=3), [b'x'], [1])", "error", DENIED
    ),
    "waits for the next request itself": Case(
        "import os\nwhile True:\n    os.read(3, 1)", "timeout killed_timeout", WAITED
    ),
}

CASES = {
    **_HANGS,
    **_MULTIPLICATION,
    **_MEMORY,
    **_OUTPUT,
    **_ENDINGS,
    **_OTHERS,
    **_FILES,
    **_KERNEL,
    **_PROTOCOL,
}
