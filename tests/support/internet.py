"""A proxy on loopback that stands for the Internet and reaches only the local AWS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from pathlib import Path

import trustme

LOOPBACK = "127.0.0.1"


class Internet:
    """An HTTPS proxy that terminates TLS and forwards requests to the local AWS.

    `url` is the value for HTTPS_PROXY, and `certificates` the file for REQUESTS_CA_BUNDLE.
    `refused` holds the hosts that the proxy has refused.
    """

    def __init__(self, folder: Path, port: int, *hosts: str) -> None:
        self.refused: set[str] = set()
        self.certificates = folder / "certificates.pem"
        self._port = port
        self._hosts = hosts
        self._connections: set[asyncio.Task[None]] = set()
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.certificates)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*hosts).configure_cert(self._tls)
        started: threading.Event = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(started),))
        self._thread.start()
        started.wait()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    async def _serve(self, started: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        server = await asyncio.start_server(self._accept, LOOPBACK, 0)
        self.url = f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
        started.set()
        await self._stopped.wait()
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        # The transports close in the next iteration of the event loop.
        await asyncio.sleep(0)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = self._loop.create_task(self._connect(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            method, target, _ = (await reader.readuntil(b"\r\n\r\n")).decode().split(" ", 2)
            host = target.partition("://")[2].partition("/")[0] or target.partition(":")[0]
            if method == "CONNECT" and self._is_allowed(host):
                await self._forward(reader, writer)
            else:
                self.refused.add(host)
                writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    def _is_allowed(self, host: str) -> bool:
        return host in self._hosts or f"*.{host.partition('.')[2]}" in self._hosts

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await writer.start_tls(self._tls)
        responses, requests = await asyncio.open_connection(LOOPBACK, self._port)
        try:
            await asyncio.gather(_copy(reader, requests), _copy(responses, writer))
        finally:
            # Both directions have ended or were cancelled, so no TLS shutdown is needed.
            requests.transport.abort()
            writer.transport.abort()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError), contextlib.closing(target):
        while received := await source.read(65536):
            target.write(received)
            await target.drain()
