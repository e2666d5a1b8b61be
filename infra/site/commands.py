"""Every command with its arguments and options, read from the command line itself."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import typer

from genprm.cli import BENCH, GROUP, app, load_command
from genprm.registry import installed_entry_points


def commands_page() -> str:
    """The page as Markdown."""
    parts = ["# Commands", "What `genprm COMMAND --help` says, on one page."]
    for path, command in every_command():
        name = " ".join(["genprm", *path])
        parts += [
            f"## {name}",
            f"```\n{usage(name, command)}\n```",
            inspect.cleandoc(command.help or ""),
            table(command),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def every_command() -> Iterator[tuple[tuple[str, ...], Any]]:
    """All commands by the words that call them, those of other packages with their own options."""
    yield from _commands(typer.main.get_command(app), ())


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name in command.list_commands(None) if hasattr(command, "list_commands") else ():
        inner = command.commands[name]
        entry = BENCH + name if path == ("bench",) else name
        if entry in installed_entry_points(GROUP) and len(path) <= 1:
            inner = load_command(entry)
        if hasattr(inner, "list_commands"):
            yield from _commands(inner, (*path, name))
        else:
            yield (*path, name), inner


def usage(name: str, command: Any) -> str:
    """The line that says in which order things are written."""
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    words = [_word(one) if one.required else f"[{_word(one)}]" for one in arguments]
    return " ".join([name, "[OPTIONS]", *words])


def table(command: Any) -> str:
    """Arguments and options as a table; empty where there are none."""
    rows = [_row(one) for one in command.params if one.name != "help" and not getattr(one, "hidden", False)]
    return "\n".join(["| | default | |", "|---|---|---|", *rows]) if rows else ""


def _word(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _row(parameter: Any) -> str:
    names = [*parameter.opts, *parameter.secondary_opts]
    written = _word(parameter) if parameter.param_type_name == "argument" else ", ".join(names)
    help_ = " ".join((getattr(parameter, "help", None) or "").split()).replace("|", "\\|")
    return f"| `{written}` | {_default(parameter)} | {help_} |"


def _default(parameter: Any) -> str:
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    if parameter.required:
        return "required"
    value = parameter.default
    if value is None or value is False or value == () or callable(value) or type(value).__name__ == "Sentinel":
        return ""
    return f"`{value}`"
