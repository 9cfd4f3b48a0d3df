"""Start the embedded DynamoDB as a process of its own, on the state in one folder."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

import click

from .. import config
from .state_file import set_aside_damaged

ENGINE = Path(__file__).with_name("engine_process.py")
LOOPBACK = "127.0.0.1"
START_SECONDS = 10
# How long the engine of a `flask run` that has just ended can need to save and release the folder.
HANDOVER_SECONDS = 3
POLL_SECONDS = 0.02


class EmbeddedEngineError(Exception):
    """The embedded DynamoDB cannot start. The message says why and what to do."""


def start(folder: Path) -> str:
    """Start the engine on the state in `folder` and return its endpoint, once it answers.

    From then on, this process and its children use that endpoint.
    Raises `EmbeddedEngineError` when another engine holds the folder, or this one does not start.
    """
    # What callers said is for this user's eyes only.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    port = free_port()
    endpoint = f"http://{LOOPBACK}:{port}"
    config.use_local_dynamodb(endpoint)
    with _lock(folder) as lock:
        state = folder / "dynamodb.json"
        if aside := set_aside_damaged(state):
            click.echo(f" * {state} is damaged: set aside as {aside}, starting empty.", err=True)
        engine = subprocess.Popen(  # noqa: S603 - no shell, and nothing of a user's in it
            # -P: our modules beside that file are not for the engine to import.
            [sys.executable, "-P", ENGINE, str(os.getpid())],
            env=_environment(folder, port),
            stdin=subprocess.DEVNULL,
            # Its errors, such as one in saving when we are gone, go where ours go.
            stdout=subprocess.DEVNULL,
            # Ctrl-C is for Flask; the engine goes on until Flask has ended.
            start_new_session=True,
            # The engine holds the lock from here on, until it has saved and ended.
            pass_fds=[lock.fileno()],
        )
    _await_answer(engine, port)
    threading.Thread(target=_report_end, args=(engine,), daemon=True).start()
    return endpoint


def _environment(folder: Path, port: int) -> dict[str, str]:
    return config.environment_with(
        SERVICES="dynamodb",
        GATEWAY_PORT=str(port),
        # ministack listens on every interface unless told otherwise, and on port 8883 besides.
        BIND_HOST=LOOPBACK,
        IOT_MTLS_ENABLED="0",
        PERSIST_STATE="1",
        STATE_DIR=str(folder.resolve()),
        TMPDIR=str(folder.resolve()),
        LOG_LEVEL="WARNING",
        AUTH="false",
        USE_SSL="0",
        # With a Docker socket it would remove the containers of other ministacks.
        DOCKER_HOST="unix:///nonexistent",
    )


def _lock(folder: Path) -> IO[bytes]:
    lock = (folder / "lock").open("wb")
    deadline = time.monotonic() + HANDOVER_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise EmbeddedEngineError(
                    f"Another `flask run` is using {folder}. Stop that one, or start this one with"
                    " a folder of its own: LOCAL_DYNAMODB=instance/other flask run --port 5001"
                ) from None
        time.sleep(POLL_SECONDS)


def free_port() -> int:
    """Return a port of the loopback interface that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _await_answer(engine: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while engine.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, port)) == 0:
                return
        time.sleep(POLL_SECONDS)
    engine.kill()
    raise EmbeddedEngineError("The embedded DynamoDB did not start; what it said is above")


def _report_end(engine: subprocess.Popen[bytes]) -> None:
    status = engine.wait()
    outcome = "It saved first." if status == 0 else "What was written since this start is lost."
    click.echo(
        f" * The embedded DynamoDB has ended by itself (exit status {status}). {outcome} Press"
        " Ctrl-C and run `flask run` again.",
        err=True,
    )
