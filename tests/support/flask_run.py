"""`flask run` and other `flask` commands as child processes."""

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
from typing import Any, Self

import psutil
import requests

from .ports import free_port

ROOT = Path(__file__).parent.parent.parent


def command(*arguments: str, **environment: str | None) -> subprocess.CompletedProcess[str]:
    """Run a `flask` command and wait until it exits."""
    return python("-m", "flask", *arguments, **environment)


def python(*arguments: str, **environment: str | None) -> subprocess.CompletedProcess[str]:
    """Run Python with the environment of a new user, and wait until it exits."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environ(**environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def environ(**changes: str | None) -> dict[str, str]:
    """Return the environment of a new user with `changes`. None removes a variable."""
    changes = {"AWS_ENDPOINT_URL_DYNAMODB": None, "TABLE_NAME": None, **changes}
    merged = {**os.environ, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def is_running(process: psutil.Process) -> bool:
    """Return whether the process runs. A zombie does not run."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class FlaskRun:
    """A running server. `output` holds the lines that `wait_for` has read so far."""

    # A command that starts the command after it.
    prefix: tuple[str, ...] = ()

    def __init__(self, *arguments: str, **environment: str | None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.output: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            [
                *self.prefix,
                sys.executable,
                "-m",
                "flask",
                "run",
                "--port",
                str(self.port),
                *arguments,
            ],
            cwd=ROOT,
            env=environ(**environment),
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            # A shell starts background jobs with SIGINT ignored, and child processes inherit that.
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

    def wait_for(self, text: str) -> str:
        """Return the next line that contains `text`."""
        while (line := self._lines.get(timeout=20)) is not None:
            self.output.append(line)
            if text in line:
                return line
        raise AssertionError(f"flask run exited without printing {text!r}: {''.join(self.output)}")

    def wait_until_up(self) -> FlaskRun:
        self.wait_for("Running on")
        return self

    def processes(self) -> list[psutil.Process]:
        """Return the server's process and all its descendants."""
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        return requests.request(method, self.url + path, timeout=20, **options)

    def create(self, caller: str = "a", description: str = "b") -> str:
        body = {"caller_id": caller, "issue_description": description}
        response = self.request("POST", "/tickets", json=body)
        assert response.status_code == 201
        return str(response.json()["ticket_id"])

    def stop(self, signal_number: signal.Signals = signal.SIGINT) -> None:
        """Signal the server alone. All its processes must exit within five seconds."""
        alive = self.processes()
        self.process.send_signal(signal_number)
        self.process.wait(timeout=5)
        deadline = time.monotonic() + 5
        while (alive := list(filter(is_running, alive))) and time.monotonic() < deadline:
            time.sleep(0.02)
        for process in alive:
            process.kill()
        self._reader.join()
        assert not alive

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Wait until the server listens, and stop all its processes at the end."""
        try:
            self.wait_until_up()
            yield self
        finally:
            self.stop_if_running()

    def stop_if_running(self) -> None:
        """Stop the server unless the test has stopped it."""
        if self.process.poll() is None:
            self.stop()
        self._reader.join()


@contextmanager
def flask_run(*arguments: str, **environment: str | None) -> Iterator[FlaskRun]:
    """Start `flask run`, wait until it listens, and stop all its processes at the end."""
    with FlaskRun(*arguments, **environment).running() as server:
        yield server
