"""The directory that a session may write in: its own, capped, and gone with it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from genprm.sandbox import open_sandbox
from genprm.sandbox.base import Sandbox
from genprm.settings import SandboxSettings


@pytest.fixture
async def sandbox(level: int) -> AsyncIterator[Sandbox]:
    if level != 1:
        pytest.skip("there is a scratch directory at level 1 alone")
    sandbox = open_sandbox(SandboxSettings(level=level, seconds=5.0, memory_mb=256, scratch_mb=2, scratch_files=10))
    yield sandbox
    await sandbox.close()


async def test_files_can_be_made_changed_and_removed(sandbox: Sandbox) -> None:
    code = """
import os, shutil, tempfile
with open("a.txt", "w") as file:
    file.write("one")
with open("a.txt", "a") as file:
    file.write("two")
os.mkdir("folder")
os.rename("a.txt", "folder/b.txt")
print(open("folder/b.txt").read(), os.listdir("."))
os.truncate("folder/b.txt", 3)
print(os.path.getsize("folder/b.txt"))
shutil.rmtree("folder")
with tempfile.TemporaryDirectory() as place:
    open(f"{place}/c", "w").close()
print(os.listdir("."), os.path.dirname(place) == os.getcwd() == os.path.expanduser("~"))
"""
    result = await sandbox.session().run(code)
    assert result.output == "onetwo ['folder']\n3\n[] True\n"


async def test_files_stay_from_block_to_block_and_are_shared_with_nobody(sandbox: Sandbox) -> None:
    one, other = sandbox.session(), sandbox.session()
    await one.run("with open('mine', 'w') as file:\n    file.write('1')")
    assert (await one.run("import os\nprint(os.listdir('.'))")).output == "['mine']\n"
    assert (await other.run("import os\nprint(os.listdir('.'))")).output == "[]\n"


async def test_size_is_capped(sandbox: Sandbox) -> None:
    one_file = "with open('big', 'wb') as file:\n    file.write(bytes(3 * 2**20))"
    assert "OSError: [Errno 27] File too large" in (await sandbox.session().run(one_file)).output
    several = "for i in range(3):\n    with open(f'{i}', 'wb') as file:\n        file.write(bytes(2**20))"
    assert "OSError: [Errno 28] No space left" in (await sandbox.session().run(several)).output


async def test_the_number_of_files_is_capped(sandbox: Sandbox) -> None:
    code = "import os\ntry:\n    for i in range(100):\n        open(f'{i}', 'w').close()\nfinally:\n"
    code += "    print(len(os.listdir('.')))"
    result = await sandbox.session().run(code)
    assert result.output.startswith("10\n")
    assert "OSError: [Errno 28] No space left" in result.output


async def test_nothing_in_it_can_be_executed(sandbox: Sandbox) -> None:
    code = """
import mmap
with open("code", "w+b") as file:
    file.write(bytes(4096))
    file.flush()
    mmap.mmap(file.fileno(), 4096, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC)
"""
    assert "PermissionError" in (await sandbox.session().run(code)).output
