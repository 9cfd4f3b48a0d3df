"""API clients that send requests at a steady rate, even while the service fails."""

from __future__ import annotations

import threading
import time
from typing import Any, NamedTuple

import requests

from .aws import Aws
from .deployment import Api

PER_SECOND = 20
CALLERS = 10
DEADLINE_SECONDS = 30


class Result(NamedTuple):
    """A response: when the request was sent, when the response came, its status and its releases.

    `status` is the text of the exception if there was no response. `releases` are the release
    markers in the header and in the body.
    """

    sent_at: float
    received_at: float
    status: int | str
    releases: set[str]


class Load:
    """Ten clients that send two requests per second each. Every second client creates tickets.

    The other clients list tickets. A client that had to wait for a response sends all overdue
    requests at once. All clients send the API key `key`, which a test may change.
    """

    def __init__(self, aws: Aws, api: Api) -> None:
        self.results: list[Result] = []
        self._aws = aws
        self._url = f"{api.url}/tickets"
        self.key = api.keys["agent"]
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(n,)) for n in range(CALLERS)]

    def __enter__(self) -> Load:
        self.started = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended = time.monotonic()
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, release: str, since: float) -> None:
        """Wait until `release` has answered as many requests as the clients send in a second."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            results = [result for result in self.results if result.sent_at > since]
            if len([result for result in results if result.releases == {release}]) >= PER_SECOND:
                return
            self._stopped.wait(0.05)
        raise AssertionError(f"release {release} does not answer requests")

    def _call(self, number: int) -> None:
        due = self.started + number / PER_SECOND
        body = {"caller_id": f"caller {number}", "issue_description": "load"}
        query = {"caller": f"caller {number}"}
        with self._aws.session() as session:
            while True:
                self._stopped.wait(max(0, due - time.monotonic()))
                if self._stopped.is_set() and due > self.ended:
                    return
                if number % 2:
                    self._record(session.post, json=body)
                else:
                    self._record(session.get, params=query)
                due += CALLERS / PER_SECOND

    def _record(self, call: Any, **request: Any) -> None:
        sent_at = time.monotonic()
        try:
            headers = {"x-api-key": self.key}
            response = call(self._url, timeout=20, headers=headers, **request)
            marks = {response.headers.get("X-Release", ""), response.json().get("release", "")}
            self.results.append(Result(sent_at, time.monotonic(), response.status_code, marks))
        except requests.RequestException as error:
            self.results.append(Result(sent_at, time.monotonic(), repr(error), set()))
