"""HTTP messages to and from the engine, read and sent unchanged."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from io import BufferedIOBase
from urllib.parse import urlsplit


class Engine:
    """A connection to the engine."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._connection = socket.create_connection((address.hostname, address.port))
        self._responses = self._connection.makefile("rb")

    def fileno(self) -> int:
        return self._connection.fileno()

    def send(self, request: bytes) -> bytes:
        self._connection.sendall(request)
        return read_message(self._responses)

    def close(self) -> None:
        self._responses.close()
        self._connection.close()


def read_message(stream: BufferedIOBase) -> bytes:
    """Read one HTTP message unchanged. Return empty bytes at the end of the stream."""
    head = b""
    while (line := stream.readline()).strip():
        head += line
    if header(head, b"Transfer-Encoding") == "chunked":
        return head + b"\r\n" + b"".join(_chunks(stream))
    return head and head + b"\r\n" + stream.read(int(header(head, b"Content-Length") or 0))


def _chunks(stream: BufferedIOBase) -> Iterator[bytes]:
    size = 1
    while size:
        line = stream.readline()
        size = int(line, 16)
        yield line + stream.read(size + len(b"\r\n"))


def header(message: bytes, name: bytes) -> str:
    found = re.search(rb"(?im)^%s: *(.*?)\r$" % re.escape(name), message)
    return found[1].decode() if found else ""
