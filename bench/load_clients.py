"""The clients of `load`, which are in a process of their own."""

from __future__ import annotations

import http.client
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import uuid4

from tests.support.keys import fixed_key

KEY, KEY_ENTRY = fixed_key("load", "agent")
# So few that after the first calls every list has ten.
CALLERS = 8
TIMEOUT_SECONDS = 10
SECONDS_AT_MOST = 60


def drive(port: int, clients: int, fours: int) -> tuple[list[float], float, Counter[str]]:
    """Be that many clients, each making the four calls that often."""
    callers = [Client(port, f"{port}-{number % CALLERS}") for number in range(clients)]
    start = Barrier(clients + 1)
    with ThreadPoolExecutor(clients) as threads:
        done = [threads.submit(client.work, start, fours) for client in callers]
        start.wait()
        began = time.perf_counter()
        for each in done:
            each.result()
        wall = time.perf_counter() - began
    answers = [seconds for client in callers for seconds in client.answers]
    return answers, wall, sum((client.errors for client in callers), Counter[str]())


class Client:
    """One that keeps its connection, and repeats nothing."""

    def __init__(self, port: int, caller: str) -> None:
        self.answers: list[float] = []
        self.errors: Counter[str] = Counter()
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        self._caller = caller

    def work(self, start: Barrier, fours: int) -> None:
        self._connection.connect()
        start.wait()
        deadline = time.monotonic() + SECONDS_AT_MOST
        for _ in range(fours):
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
        # As a client that is safe does; boto3's handler takes no notice.
        sent = json.dumps({**body, "idempotency_key": str(uuid4())}) if body else None
        began = time.perf_counter()
        try:
            self._connection.request(method, path, sent, {"x-api-key": KEY})
            answer = self._connection.getresponse()
            found = json.loads(answer.read())
        except (OSError, ValueError, http.client.HTTPException) as error:
            self._connection.close()
            self.errors[type(error).__name__] += 1
            return {}
        self.answers.append(time.perf_counter() - began)
        if answer.status >= 400:
            self.errors[str(answer.status)] += 1
        return found
