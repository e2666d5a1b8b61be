"""What the documentation says to type is what the command line takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from genprm.cli import BENCH, GROUP, app, load_command
from genprm.profiles import load_profile
from genprm.registry import installed_entry_points
from tests.docs.pages import PAGES, Block, blocks, prose

_ENDS = {"|", "||", "&&", ">", ">>", "<", "2>", "&", ";"}
PIPELINE = ("run", "refresh", "plan")


def calls(text: str) -> Iterator[list[str]]:
    """The arguments of each call of genprm in shell text."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        starts = [at for at, word in enumerate(words) if word == "genprm" and words[at - 1 : at] != ["-t"]]
        for start in starts:
            arguments = []
            for word in words[start + 1 :]:
                if word in _ENDS:
                    break
                arguments.append(word)
            yield arguments


def command(arguments: list[str]) -> tuple[str, Any, list[str]]:
    """The command that the words name, and what is left of them."""
    found: Any = typer.main.get_command(app)
    path: list[str] = []
    while hasattr(found, "list_commands") and arguments and not arguments[0].startswith("-"):
        assert arguments[0] in found.commands, f"genprm {' '.join(path)} {arguments[0]}: no such command"
        found = found.commands[arguments[0]]
        path.append(arguments[0])
        arguments = arguments[1:]
        entry = BENCH + path[-1] if path[0] == "bench" else path[-1]
        if entry in installed_entry_points(GROUP):
            found = load_command(entry)
    return " ".join(path), found, arguments


def described(text: str) -> Iterator[str]:
    """Lines of a block in which genprm is called, without the brackets around what may be left out."""
    for line in text.replace("\\\n", " ").splitlines():
        if re.search(r"(^|[\s|&])genprm\s+[a-z]", line):
            yield re.sub(r"\[(--[^\]]*)\]", r"\1", line)


SHELL = [block for block in blocks("bash", "sh", "") if any(described(block.text))]


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_blocks_can_be_typed(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in described(block.text):
        for words in calls(line):
            name, found, arguments = command(words)
            context = found.make_context(name, arguments)
            if name in PIPELINE:
                profile = context.params.get("profile")
                if profile is None or not profile.endswith(".yaml"):
                    load_profile(profile, context.params.get("set_") or [])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_in_the_text_exist(page: Path) -> None:
    for span in re.findall(r"`(genprm [a-z][^`]*)`", prose(page)):
        for words in calls(" ".join(span.split())):
            name, found, arguments = command(words)
            known = {option for one in found.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
            for word in arguments:
                assert not word.startswith("--") or word.partition("=")[0] in known, f"genprm {name}: {word}"
