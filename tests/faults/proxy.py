"""A proxy on loopback between the app and a DynamoDB, failing by the rule of a test.

A rule looks at each request and names the fault that it meets, or None. The engine behind is a real
one: what a fault lets through is applied, and its answer is passed on byte for byte.
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


def never(exchange: Exchange) -> Fault | None:
    """No request meets a fault."""
    return None


class Exchange:
    """One request to the engine, and what becomes of it."""

    def __init__(self, proxy: Proxy, client: socket.socket, engine: Engine, request: bytes) -> None:
        self.proxy, self.request = proxy, request
        self.met = ""
        self.seconds = math.inf
        self.action = header(request, b"X-Amz-Target").rpartition(".")[2]
        self.operation = header(request, b"X-Operation")
        self._client, self._engine = client, engine

    def __repr__(self) -> str:
        return f"{self.action}: {self.met} ({self.seconds:.3f} s)"

    @property
    def writes(self) -> bool:
        return self.action in {"PutItem", "UpdateItem"}

    def apply(self) -> bytes:
        """Have the engine do it, and after it what a fault has put off. Its answer."""
        answer = self._engine.ask(self.request)
        self.proxy.let_arrive(self._engine)
        return answer

    def answer(self, answer: bytes) -> None:
        self._client.sendall(answer)

    def hang_up(self) -> NoReturn:
        raise ConnectionAbortedError

    def reset(self) -> NoReturn:
        """End the connection with a RST."""
        self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._client.close()
        raise ConnectionResetError

    def outwait(self) -> None:
        """Say nothing until the app has given up, or is dead."""
        with suppress(ConnectionError):
            self._client.recv(1)


class Proxy(ThreadingTCPServer):
    """Without a rule it only passes on.

    `met` has what each exchange met, and `trace` the exchanges of each value of `X-Operation`.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, engine: str) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.rule: Rule = never
        self.met: list[str] = []
        self.trace: defaultdict[str, list[Exchange]] = defaultdict(list)
        self.put_off: deque[bytes] = deque()
        self.engine = engine
        self._under_way: set[Exchange] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def meet(self, exchange: Exchange) -> None:
        """Let an exchange meet what the rule says."""
        fault = self.rule(exchange)
        exchange.met = fault.__name__ if fault else "passed on"
        self.met.append(exchange.met)
        self.trace[exchange.operation].append(exchange)
        self._under_way.add(exchange)
        start = time.monotonic()
        try:
            exchange.answer(exchange.apply()) if fault is None else fault(exchange)
        finally:
            exchange.seconds = time.monotonic() - start
            self._under_way.remove(exchange)

    def settle(self) -> None:
        """Fail no more, and return when nothing is under way."""
        self.rule = never
        deadline = time.monotonic() + SETTLE_SECONDS
        while self._under_way:
            assert time.monotonic() < deadline, "the proxy does not come to rest"
            time.sleep(0.01)
        with closing(Engine(self.engine)) as engine:
            self.let_arrive(engine)

    def let_arrive(self, engine: Engine) -> None:
        """Have the engine do what was put off."""
        with suppress(IndexError):
            while True:
                engine.ask(self.put_off.popleft())


class _Connection(StreamRequestHandler):
    server: Proxy

    def handle(self) -> None:
        with closing(Engine(self.server.engine)) as engine, suppress(ConnectionError):
            # The engine closes connections that idle.
            while select([self.connection, engine], [], [])[0] == [self.connection]:
                request = read_message(self.rfile)
                if not request:
                    break
                self.server.meet(Exchange(self.server, self.connection, engine, request))
