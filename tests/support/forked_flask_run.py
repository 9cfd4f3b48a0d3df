"""`flask run` as forks of one process that has loaded the modules: a start takes 0.1 s, not 1 s.

As a script, this module is that process. It reads the arguments of each start from a line, forks,
prints the pid, waits until the fork ends, and prints its exit code.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import IO

from tests.support.flask_run import ROOT, environ


class ForkedFlaskRun:
    """Starts `flask run`, one process at a time."""

    def __init__(self, output: IO[str], **environment: str | None) -> None:
        # A coverage run would trace each process.
        environment["COVERAGE_PROCESS_CONFIG"] = None
        self._pid = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forked_flask_run"],
            cwd=ROOT,
            env=environ(**environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
        )

    def start(self, *arguments: str) -> int:
        """Start `flask run` and return its pid."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(["run", *arguments]) + "\n")
        self._process.stdin.flush()
        self._pid = self._read()
        return self._pid

    def wait(self) -> int:
        """Wait for the end of the process. Return its exit code, or its signal, negative."""
        code = self._read()
        self._pid = 0
        return code

    def stop(self) -> None:
        """Kill `flask run` if it runs, and end the process that forks."""
        if self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        self._process.communicate()

    def _read(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


def _serve_forks() -> None:
    import flask.cli

    import itsm_app.commands.app
    import itsm_app.local.botocore_hook  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_RDWR), 0)
            os.dup2(2, 1)
            sys.argv = ["flask", *json.loads(line)]
            flask.cli.main()
        print(child, flush=True)  # noqa: T201
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201


if __name__ == "__main__":
    _serve_forks()
