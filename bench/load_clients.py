"""The clients of `bench.load`. They run in their own process."""

from __future__ import annotations

import http.client
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import uuid4

# With so few callers, every list has ten tickets after the first calls.
CALLERS = 8
TIMEOUT_SECONDS = 10
MAX_SECONDS = 60


def drive(port: int, count: int, repetitions: int) -> tuple[list[float], float, Counter[str]]:
    """Run clients at the same time.

    Args:
        port: The port of the server.
        count: The number of clients.
        repetitions: How often each client makes the four calls.

    Returns:
        The seconds until each response, the duration in seconds, and how often each error occurred.
    """
    clients = [Client(port, f"{port}-{number % CALLERS}") for number in range(count)]
    barrier = Barrier(count + 1)
    with ThreadPoolExecutor(count) as threads:
        futures = [threads.submit(client.run, barrier, repetitions) for client in clients]
        barrier.wait()
        start = time.perf_counter()
        for future in futures:
            future.result()
        wall = time.perf_counter() - start
    latencies = [seconds for client in clients for seconds in client.latencies]
    return latencies, wall, sum((client.errors for client in clients), Counter[str]())


class Client:
    """A client that keeps its connection and does not retry."""

    def __init__(self, port: int, caller: str) -> None:
        self.latencies: list[float] = []
        self.errors: Counter[str] = Counter()
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        self._caller = caller

    def run(self, barrier: Barrier, repetitions: int) -> None:
        self._connection.connect()
        barrier.wait()
        deadline = time.monotonic() + MAX_SECONDS
        for _ in range(repetitions):
            if time.monotonic() > deadline:
                self.errors["not made in time"] += 4
                continue
            self._call_all_four()
        self._connection.close()

    def _call_all_four(self) -> None:
        new = {"caller_id": self._caller, "issue_description": "My printer is on fire"}
        ticket = self._call("POST", "/tickets", new).get("ticket_id")
        self._call("POST", f"/tickets/{ticket}/comments", {"comment": "It is still burning"})
        self._call("GET", f"/tickets/{ticket}")
        self._call("GET", f"/tickets?caller={self._caller}")

    def _call(self, method: str, path: str, body: dict[str, str] | None = None) -> Any:
        # As clients that retry do. The boto3 reference ignores the idempotency key.
        sent = json.dumps({**body, "idempotency_key": str(uuid4())}) if body else None
        start = time.perf_counter()
        try:
            self._connection.request(method, path, sent)
            response = self._connection.getresponse()
            found = json.loads(response.read())
        except (OSError, ValueError, http.client.HTTPException) as error:
            self._connection.close()
            self.errors[type(error).__name__] += 1
            return {}
        self.latencies.append(time.perf_counter() - start)
        if response.status >= 400:
            self.errors[str(response.status)] += 1
        return found
