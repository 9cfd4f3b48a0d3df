"""Callers who call at a steady pace, whatever happens to the service."""

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


class Answer(NamedTuple):
    """When it was asked for and came, its status, and the releases that it bears the mark of."""

    sent: float
    received: float
    status: int | str
    releases: set[str]


class Load:
    """Ten callers, each with two calls a second: one files tickets, the next lists them.

    A caller who had to wait makes the calls that were due meanwhile at once. All send `key`, which
    may be changed.
    """

    def __init__(self, aws: Aws, api: Api) -> None:
        self.answers: list[Answer] = []
        self._aws = aws
        self._url = f"{api.url}/tickets"
        self.key = api.keys["agent"]
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(n,)) for n in range(CALLERS)]

    def __enter__(self) -> Load:
        self.started = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended = time.monotonic()
        self._over.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, release: str, since: float) -> None:
        """Wait until that release has answered as often as all callers call in a second."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            answers = [each for each in self.answers if each.sent > since]
            if len([each for each in answers if each.releases == {release}]) >= PER_SECOND:
                return
            self._over.wait(0.05)
        raise AssertionError(f"release {release} does not answer")

    def _call(self, number: int) -> None:
        due = self.started + number / PER_SECOND
        body = {"caller_id": f"caller {number}", "issue_description": "load"}
        query = {"caller": f"caller {number}"}
        with self._aws.session() as session:
            while True:
                self._over.wait(max(0, due - time.monotonic()))
                if self._over.is_set() and due > self.ended:
                    return
                if number % 2:
                    self._note(session.post, json=body)
                else:
                    self._note(session.get, params=query)
                due += CALLERS / PER_SECOND

    def _note(self, call: Any, **request: Any) -> None:
        sent = time.monotonic()
        try:
            headers = {"x-api-key": self.key}
            response = call(self._url, timeout=20, headers=headers, **request)
            marks = {response.headers.get("X-Release", ""), response.json().get("release", "")}
            self.answers.append(Answer(sent, time.monotonic(), response.status_code, marks))
        except requests.RequestException as error:
            self.answers.append(Answer(sent, time.monotonic(), repr(error), set()))
