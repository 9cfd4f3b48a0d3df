"""`flask run` as a process of its own, as a newcomer starts it."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import requests

from itsm_app.local.engine import ENGINE, free_port

ROOT = Path(__file__).parent.parent.parent


def command(*arguments: str, **environment: str | None) -> subprocess.CompletedProcess[str]:
    """Run a `flask` command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "flask", *arguments],
        cwd=ROOT,
        env=environ(**environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def environ(**changes: str | None) -> dict[str, str]:
    """Return a newcomer's environment with `changes`; None takes a variable away."""
    changes = {"AWS_ENDPOINT_URL_DYNAMODB": None, "TABLE_NAME": None, **changes}
    merged = {**os.environ, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def lives(process: psutil.Process) -> bool:
    """Whether it runs; one that has ended may wait long for its new parent to collect it."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class FlaskRun:
    """A running server. `said` is what it printed so far."""

    def __init__(self, *arguments: str, **environment: str | None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.said: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flask", "run", "--port", str(self.port), *arguments],
            cwd=ROOT,
            env=environ(**environment),
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            # A shell's background job ignores Ctrl-C, and its children would too.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr:
            for line in self.process.stderr:
                self._lines.put(line)
        self._lines.put(None)

    def wait_for(self, words: str) -> str:
        """Return the next line that holds `words`."""
        while (line := self._lines.get(timeout=20)) is not None:
            self.said.append(line)
            if words in line:
                return line
        raise AssertionError(f"flask run ended without {words!r}: {''.join(self.said)}")

    def wait_until_up(self) -> FlaskRun:
        self.wait_for("Running on")
        return self

    def processes(self) -> list[psutil.Process]:
        """Return the server's process and all its descendants."""
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def engines(self) -> list[psutil.Process]:
        return [each for each in self.processes() if ENGINE.name in " ".join(each.cmdline())]

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        return requests.request(method, self.url + path, timeout=20, **options)

    def create(self, caller: str = "a", description: str = "b") -> str:
        sent = {"caller_id": caller, "issue_description": description}
        response = self.request("POST", "/tickets", json=sent)
        assert response.status_code == 201
        return str(response.json()["ticket_id"])

    def end(self, how: signal.Signals = signal.SIGINT) -> None:
        """Signal the server alone, and see that in five seconds none of its processes lives."""
        alive = self.processes()
        self.process.send_signal(how)
        self.process.wait(timeout=5)
        deadline = time.monotonic() + 5
        while (alive := [each for each in alive if lives(each)]) and time.monotonic() < deadline:
            time.sleep(0.02)
        for each in alive:
            each.kill()
        self._reader.join()
        assert not alive

    def leave(self) -> None:
        """End it unless a test has."""
        if self.process.poll() is None:
            self.end()
        self._reader.join()


@contextmanager
def flask_run(*arguments: str, **environment: str | None) -> Iterator[FlaskRun]:
    """Start it, wait until it is up, and leave nothing behind."""
    server = FlaskRun(*arguments, **environment)
    try:
        yield server.wait_until_up()
    finally:
        server.leave()
