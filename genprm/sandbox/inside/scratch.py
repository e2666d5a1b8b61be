"""The scratch directory of a session: a file system of its own in memory, capped, gone with its process."""

from __future__ import annotations

import os

from . import kernel

PARENT = "/scratch"
"""A directory of the read-only root; Landlock rules on it cover what is mounted below it in any session."""
PLACE = f"{PARENT}/own"


def mount(megabytes: int, files: int, uid: int) -> None:
    """Give this process a mount namespace of its own with an empty `PLACE` that `uid` owns.

    Raises:
        Unsupported: this process may not mount.
    """
    kernel.unshare("mount namespace", kernel.CLONE_NEWNS)
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    # The root of the file system counts as one of its files.
    options = f"size={megabytes}m,nr_inodes={files + 1},mode=700,uid={uid},gid={uid}"
    kernel.mount_tmpfs(PLACE, flags, options)


def trial() -> None:
    """Mount a scratch directory and write in it, as every session does.

    Raises:
        OSError: this process cannot have one.
    """
    mount(1, 1, os.getuid())
    with open(f"{PLACE}/file", "w") as file:
        file.write("x")
