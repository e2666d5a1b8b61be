"""Landlock: this process may read the interpreter's files and nothing else, and write in its scratch directory.

Rights that the running kernel does not know are left out of the request (they are covered by the system call
filter); without Landlock itself, `restrict` raises.
"""

from __future__ import annotations

import ctypes
import os

from . import kernel

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1

_WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE = 1 << 1, 1 << 2, 1 << 3, 1 << 14
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG, _REFER = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 13
_SCRATCH = (
    _WRITE_FILE | _READ_FILE | _READ_DIR | _TRUNCATE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER
)
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""Number of file rights that each version of the interface knows."""
_NET_RIGHTS = 0b11
_SCOPES = 0b11


class _RulesetAttr(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneathAttr(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """Version of the kernel's Landlock interface.

    Raises:
        Unsupported: the kernel has no Landlock, or it is switched off.
    """
    return kernel.syscall("Landlock", _CREATE_RULESET, None, 0, _VERSION)


def ruleset(readable: list[str], devices: list[str], writable: list[str]) -> int:
    """A descriptor of rules: read below `readable`, read and write the files `devices`, make plain files and
    directories below `writable`, no other file access, no TCP, and (where the kernel can) no signals or abstract
    sockets to processes outside."""
    known = version()
    rights = (1 << _FILE_RIGHTS[min(known, 5)]) - 1
    attributes = _RulesetAttr(rights, _NET_RIGHTS if known >= 4 else 0, _SCOPES if known >= 6 else 0)
    size = 24 if known >= 6 else 16 if known >= 4 else 8
    rules = kernel.syscall("Landlock ruleset", _CREATE_RULESET, ctypes.byref(attributes), size, 0)
    for path in readable:
        _allow(rules, path, _READ_FILE | _READ_DIR if os.path.isdir(path) else _READ_FILE)
    for path in devices:
        _allow(rules, path, (_READ_FILE | _WRITE_FILE | _TRUNCATE) & rights)
    for path in writable:
        _allow(rules, path, _SCRATCH & rights)
    return rules


def restrict(rules: int) -> None:
    """Put this process under `rules` for good; no_new_privs must be set."""
    kernel.syscall("Landlock restriction", _RESTRICT_SELF, rules, 0)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        rule = _PathBeneathAttr(rights, parent)
        kernel.syscall("Landlock rule", _ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(parent)
