"""Tests of the thread that writes log lines."""

from __future__ import annotations

import io
import json
import logging
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from flask import Flask

from itsm_app.api import log_queue
from itsm_app.api.log_queue import LineQueue

from ..conftest import Log
from ..support.exhaustive import one_per_path
from ..support.flask_run import ROOT, environ, python

LINES = 1000
PROGRAM = f"""
import atexit, logging, os, signal, sys, threading, time
from itsm_app.wsgi import app

def log(start=0, stop={LINES}):
    for number in range(start, stop):
        logging.getLogger("itsm_app").info("line %s", number)

def finish():
    print("logged", flush=True)

"""
THREADS = f"""
threads = [threading.Thread(target=log, args=(n, n + {LINES // 8})) for n in range(0, {LINES}, 125)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
finish()
"""
FULL = """
from itsm_app.api import log_queue
log_queue.MAX_WAITING_LINES = 10
finish()
log()
"""
FORK = """
log(0, 100)
if os.fork() == 0:
    log(100, 500)
    sys.exit()
log(500)
finish()
os.wait()
"""
# What the program does, the signal that the test sends afterwards, and the exit status.
ENDS: dict[str, tuple[str, signal.Signals | None, int]] = {
    "end of the program": ("log(); finish()", None, 0),
    "sys.exit": ("log(); finish(); sys.exit(3)", None, 3),
    "exception": ("log(); finish(); 1 / 0", None, 1),
    "SIGTERM": ("log(); finish(); time.sleep(60)", signal.SIGTERM, 0),
    "SIGINT": ("log(); finish(); time.sleep(60)", signal.SIGINT, -signal.SIGINT),
    "logged at exit": ("atexit.register(log); finish()", None, 0),
    "threads": (THREADS, None, 0),
    "fork": (FORK, None, 0),
    "full queue": (FULL, None, 0),
}
FAST = ("SIGTERM", "logged at exit", "threads", "fork")


@pytest.mark.embedded
@pytest.mark.parametrize("end", one_per_path(ENDS, lambda end: end in FAST))
def test_writes_every_line_once_before_the_process_ends(end: str) -> None:
    """Nobody reads the lines until the process ends, so that many of them wait at the end."""
    code, sent, status = ENDS[end]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM + code],
        cwd=ROOT,
        env=environ(STAGE=None),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts background jobs with SIGINT ignored, and child processes inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout.readline() == "logged\n"
    if sent:
        process.send_signal(sent)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == status
    numbers = re.findall(r'"message":"line (\d+)"', stderr)
    assert sorted(map(int, numbers)) == [*range(LINES)]


class Pipe(io.StringIO):
    """A stream that blocks until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.is_open = threading.Event()

    def write(self, text: str) -> int:
        assert self.is_open.wait(10)
        return super().write(text)


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


@pytest.fixture
def queue(pipe: Pipe) -> LineQueue:
    return LineQueue(logging.StreamHandler(pipe))


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("x", logging.INFO, __file__, 1, message, None, None)


def test_logging_waits_while_the_queue_is_full(
    queue: LineQueue, pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_queue, "MAX_WAITING_LINES", 3)
    done: list[int] = []

    def work() -> None:
        for number in range(6):
            queue.handle(record(str(number)))
            done.append(number)

    thread = threading.Thread(target=work)
    thread.start()
    while len(done) < 4:
        time.sleep(0.01)
    thread.join(0.1)
    # One line is with the writing thread, and three wait.
    assert done == [0, 1, 2, 3]
    pipe.is_open.set()
    thread.join()
    queue.close()
    assert pipe.getvalue().split() == ["0", "1", "2", "3", "4", "5"]


def test_flush_writes_the_waiting_lines_and_keeps_the_queue_open(
    queue: LineQueue, pipe: Pipe
) -> None:
    pipe.is_open.set()
    for number in range(100):
        queue.handle(record(str(number)))
    queue.flush()
    queue.flush()
    assert len(pipe.getvalue().split()) == 100
    queue.handle(record("100"))
    queue.flush()
    assert len(pipe.getvalue().split()) == 101


def test_writes_at_once_if_no_thread_can_be_started(
    queue: LineQueue, pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python starts no thread while it exits."""

    def fail(_: object) -> None:
        raise RuntimeError("can't start new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", fail)
    pipe.is_open.set()
    queue.handle(record("line"))
    assert pipe.getvalue() == "line\n"


def test_lines_of_waitress_are_json_and_contain_no_path(app_with_keys: Flask, log: Log) -> None:
    waitress = logging.getLogger("waitress")
    waitress.info("Client disconnected while serving /tickets/1655-4297-1282")
    waitress.warning("%d thread(s) still running", 2)
    logging.getLogger("waitress.queue").warning("Task queue depth is %d", 3)
    assert log.lines("Client disconnected while serving a request")
    assert log.lines("2 thread(s) still running")
    assert len(log.text.splitlines()) == 2


def run(code: str, **environment: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.check_output(command, cwd=ROOT, env=environ(**environment), text=True)


STATE = """
import logging, signal, sys, threading
{before}
from itsm_app.wsgi import app
app.test_client().get("/")
handler = logging.getLogger("itsm_app").handlers[0]
print(type(handler).__name__, threading.active_count(), "itsm_app.api.log_queue" in sys.modules)
print(signal.getsignal(signal.SIGTERM) is signal.{handler})
"""


@pytest.mark.embedded
def test_a_lambda_writes_its_lines_itself_and_handles_no_signal() -> None:
    code = STATE.format(before="", handler="SIG_DFL")
    assert run(code, AWS_LAMBDA_FUNCTION_NAME="x") == "StreamHandler 1 False\nTrue\n"
    assert run(code) == "LineQueue 2 True\nFalse\n"


@pytest.mark.embedded
def test_a_server_keeps_its_own_handler_of_sigterm() -> None:
    before = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    assert run(STATE.format(before=before, handler="SIG_IGN")).endswith("True\n")


@pytest.mark.embedded
def test_an_app_that_is_loaded_in_another_thread_sets_no_signal_handler() -> None:
    """Python sets signal handlers in the main thread only."""
    code = """
import signal, threading
thread = threading.Thread(target=__import__, args=["itsm_app.wsgi"])
thread.start()
thread.join()
print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
"""
    assert run(code) == "True\n"


def test_lines_carry_the_id_of_their_request() -> None:
    """The thread that writes has no request."""
    code = """
from itsm_app.wsgi import app
for number in range(3):
    app.test_client().get("/", headers={"X-Request-Id": f"request-{number}"})
"""
    done = python("-c", code)
    assert done.returncode == 0
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["request_id"] for line in lines] == ["request-0", "request-1", "request-2"]
