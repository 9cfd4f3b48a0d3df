"""A proxy on loopback between the app and DynamoDB that injects the faults of a rule.

A rule returns the fault for each request, or None. The engine behind the proxy is a real DynamoDB:
the engine applies every request that a fault lets through, and the proxy returns the response
unchanged.
"""

from __future__ import annotations

import math
import socket
import struct
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import closing, suppress
from select import select
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import NoReturn

from .wire import Engine, header, read_message

SETTLE_SECONDS = 10

Fault = Callable[["Exchange"], None]
Rule = Callable[["Exchange"], Fault | None]


def no_fault(exchange: Exchange) -> Fault | None:
    """The rule that returns no fault for any request."""
    return None


class Exchange:
    """One request to the engine, with its fault and its duration."""

    def __init__(self, proxy: Proxy, client: socket.socket, engine: Engine, request: bytes) -> None:
        self.proxy, self.request = proxy, request
        self.fault_name = ""
        self.seconds = math.inf
        self.action = header(request, b"X-Amz-Target").rpartition(".")[2]
        self.operation = header(request, b"X-Operation")
        self._client, self._engine = client, engine

    def __repr__(self) -> str:
        return f"{self.action}: {self.fault_name} ({self.seconds:.3f} s)"

    @property
    def writes(self) -> bool:
        return self.action in {"PutItem", "UpdateItem"}

    def apply(self) -> bytes:
        """Send the request to the engine, then the delayed requests. Return the response."""
        response = self._engine.send(self.request)
        self.proxy.send_delayed(self._engine)
        return response

    def respond(self, response: bytes) -> None:
        self._client.sendall(response)

    def close(self) -> NoReturn:
        """End the connection in the usual way."""
        raise ConnectionAbortedError

    def reset(self) -> NoReturn:
        """End the connection with a TCP RST."""
        self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._client.close()
        raise ConnectionResetError

    def wait_until_client_closes(self) -> None:
        """Wait until the app closes the connection or exits."""
        with suppress(ConnectionError):
            self._client.recv(1)


class Proxy(ThreadingTCPServer):
    """The proxy. Without a rule it forwards every request.

    `fault_names` has the fault of each exchange, and `trace` the exchanges by the value of their
    header `X-Operation`.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, engine: str) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.rule: Rule = no_fault
        self.fault_names: list[str] = []
        self.trace: defaultdict[str, list[Exchange]] = defaultdict(list)
        self.delayed: deque[bytes] = deque()
        self.engine = engine
        self._in_progress: set[Exchange] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle(self, exchange: Exchange) -> None:
        """Forward an exchange, or apply the fault that the rule returns."""
        fault = self.rule(exchange)
        exchange.fault_name = fault.__name__ if fault else "forwarded"
        self.fault_names.append(exchange.fault_name)
        self.trace[exchange.operation].append(exchange)
        self._in_progress.add(exchange)
        start = time.monotonic()
        try:
            exchange.respond(exchange.apply()) if fault is None else fault(exchange)
        finally:
            exchange.seconds = time.monotonic() - start
            self._in_progress.remove(exchange)

    def settle(self) -> None:
        """Stop injecting faults, and return when no request is in progress."""
        self.rule = no_fault
        deadline = time.monotonic() + SETTLE_SECONDS
        while self._in_progress:
            assert time.monotonic() < deadline, "requests are still in progress"
            time.sleep(0.01)
        with closing(Engine(self.engine)) as engine:
            self.send_delayed(engine)

    def send_delayed(self, engine: Engine) -> None:
        """Send the delayed requests to the engine."""
        with suppress(IndexError):
            while True:
                engine.send(self.delayed.popleft())


class _Connection(StreamRequestHandler):
    server: Proxy

    def handle(self) -> None:
        with closing(Engine(self.server.engine)) as engine, suppress(ConnectionError):
            # The engine closes idle connections.
            while select([self.connection, engine], [], [])[0] == [self.connection]:
                request = read_message(self.rfile)
                if not request:
                    break
                self.server.handle(Exchange(self.server, self.connection, engine, request))
