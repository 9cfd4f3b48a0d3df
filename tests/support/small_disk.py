"""A small disk that a test can fill."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest


class SmallDisk(Protocol):
    """A folder on a disk that can become full for a process."""

    folder: Path

    def fill(self, pid: int) -> None:
        """Let the process write nothing more."""

    def free(self, pid: int) -> None:
        """Let the process write again."""


class _FileSystem:
    """A file system in memory. A second file fills it up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self, _: int) -> None:
        with self._filler.open("ab", buffering=0) as file:
            # The process can be writing, too, so this may need to write again and again.
            for block in (bytes(2**20), bytes(4096)):
                while True:
                    try:
                        file.write(block)
                    except OSError:
                        break

    def free(self, _: int) -> None:
        self._filler.unlink(missing_ok=True)


class _FileSizeLimit:
    """The limit of the size of a file: a process can have it without the rights of root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, pid: int) -> None:
        self._limit(pid, 0)

    def free(self, pid: int) -> None:
        self._limit(pid, resource.RLIM_INFINITY)

    def _limit(self, pid: int, size: int) -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount a file system at a folder. Only root can do so; other users limit the size of files."""
    folder.mkdir()
    if os.getuid() != 0:
        yield _FileSizeLimit(folder)
        return
    options = f"size={megabytes}m"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("this container cannot mount a file system")
    try:
        yield _FileSystem(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
