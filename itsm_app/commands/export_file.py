"""The file that `flask export` writes and `flask import` reads."""

from __future__ import annotations

import errno
import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, cast

from ..storage.errors import InvalidLine
from . import disk_errors

GZIP = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# A ticket has at most 400 KB. JSON takes up to 9 bytes for one byte of an item: `{"S":""}`.
MAX_LINE_BYTES = 4 * 1024 * 1024


@contextmanager
def writer(name: str) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """Open a file, or standard output for `-`. Raise `OSError` if the content is not written.

    A file gets its name when it is complete, and replaces a file of that name. If the name ends
    with `.gz`, the file is compressed.
    """
    if name == "-":
        with _standard_output() as out:
            yield out
        return
    # A link keeps its name, and the file that it leads to is replaced.
    path = Path(os.path.realpath(name))
    if path.exists() and not path.is_file():
        # A device or a pipe cannot be replaced.
        with path.open("wb") as out:
            yield out
        return
    with NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", suffix=".incomplete", delete=False
    ) as file:
        try:
            if path.suffix == ".gz":
                with gzip.GzipFile(fileobj=file, mode="wb") as out:
                    yield out
            else:
                yield file
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


@contextmanager
def _standard_output() -> Iterator[IO[bytes]]:
    # Python sets `sys.stdout` to None if the process has no standard output.
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except OSError:
        # At its exit, Python writes the rest of the buffer, which would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of a file, which can be compressed with gzip. Blank lines are empty.

    Raises:
        InvalidLine: A line is too long, or the compressed file is damaged.
    """
    buffered = io.BufferedReader(cast("io.RawIOBase", file))
    is_compressed = buffered.peek(len(GZIP)).startswith(GZIP)
    content = gzip.GzipFile(fileobj=buffered) if is_compressed else buffered
    try:
        while line := content.readline(MAX_LINE_BYTES):
            if len(line) == MAX_LINE_BYTES:
                raise InvalidLine(f"it has {MAX_LINE_BYTES} bytes or more")
            yield line.removeprefix(BYTE_ORDER_MARK).strip()
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise InvalidLine("the compressed file is damaged or incomplete") from None
    finally:
        # The caller closes the file.
        buffered.detach()


def remedy(error: OSError) -> str:
    """Return what is wrong and what to do, as the rest of a sentence after a colon."""
    code = errno.errorcode.get(error.errno or 0, "")
    if code == "EPIPE":
        return "the program that reads the output has ended; let it read to the end"
    if code == "EBADF":
        return "there is no standard output; name a file"
    if code in disk_errors.FULL_CODES:
        return disk_errors.FULL
    return f"{error.strerror or error}; write to another file"
