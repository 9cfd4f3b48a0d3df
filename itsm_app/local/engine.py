"""Start the embedded DynamoDB in its own process. It stores its state in one folder."""

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
from .state_file import rename_if_damaged

ENGINE = Path(__file__).with_name("engine_process.py")
LOOPBACK = "127.0.0.1"
START_SECONDS = 10
# After a `flask run` has ended, its engine still saves its tables and then releases the lock.
LOCK_SECONDS = 3
POLL_SECONDS = 0.02


class EmbeddedEngineError(Exception):
    """The embedded DynamoDB cannot start. The message says why and what to do."""


def start(folder: Path) -> str:
    """Start the engine, wait until it accepts connections, and return its endpoint.

    This process and its children then use the endpoint.

    Args:
        folder: Where the engine stores its state. It is created if it does not exist.

    Raises:
        EmbeddedEngineError: Another engine uses the folder, or the engine does not start.
        OSError: The folder cannot be used.
    """
    # Tickets are personal data, so only the current user may read them.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    port = free_port()
    endpoint = f"http://{LOOPBACK}:{port}"
    config.use_local_dynamodb(endpoint)
    with _lock(folder) as lock:
        state = folder / "dynamodb.json"
        if renamed := rename_if_damaged(state):
            click.echo(
                f" * {state} is damaged and was renamed to {renamed}. The embedded DynamoDB starts"
                " empty.",
                err=True,
            )
        engine = subprocess.Popen(  # noqa: S603 - no shell and no user input
            # With -P, the engine cannot import this package's modules by accident.
            [sys.executable, "-P", ENGINE, str(os.getpid())],
            env=_environment(folder, port),
            stdin=subprocess.DEVNULL,
            # The engine shares stderr with this process, so that its errors are visible. It saves
            # after this process has ended, and saving can fail.
            stdout=subprocess.DEVNULL,
            # Ctrl-C in the terminal must reach Flask only. The engine ends after Flask has ended.
            start_new_session=True,
            # The engine inherits the lock and holds it until it has saved and ended.
            pass_fds=[lock.fileno()],
        )
    _wait_until_listening(engine, port)
    threading.Thread(target=_report_end, args=(engine,), daemon=True).start()
    return endpoint


def _environment(folder: Path, port: int) -> dict[str, str]:
    return config.environment_with(
        SERVICES="dynamodb",
        GATEWAY_PORT=str(port),
        # By default, ministack listens on every interface, and on port 8883 as well.
        BIND_HOST=LOOPBACK,
        IOT_MTLS_ENABLED="0",
        PERSIST_STATE="1",
        STATE_DIR=str(folder.resolve()),
        TMPDIR=str(folder.resolve()),
        LOG_LEVEL="WARNING",
        AUTH="false",
        USE_SSL="0",
        # With access to Docker, ministack would remove the containers of other ministacks.
        DOCKER_HOST="unix:///nonexistent",
    )


def _lock(folder: Path) -> IO[bytes]:
    lock = (folder / "lock").open("wb")
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise EmbeddedEngineError(
                    f"Another `flask run` is using {folder}. Stop the other `flask run`, or use"
                    " another folder and port: LOCAL_DYNAMODB=instance/other flask run --port 5001"
                ) from None
        time.sleep(POLL_SECONDS)


def free_port() -> int:
    """Return a port of the loopback interface that no process listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _wait_until_listening(engine: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while engine.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, port)) == 0:
                return
        time.sleep(POLL_SECONDS)
    engine.kill()
    raise EmbeddedEngineError("The embedded DynamoDB did not start. See its error message above")


def _report_end(engine: subprocess.Popen[bytes]) -> None:
    status = engine.wait()
    if status == 0:
        outcome = "All data was saved."
    else:
        outcome = "All data that was written since this start is lost."
    click.echo(
        f" * The embedded DynamoDB has stopped unexpectedly (exit status {status}). {outcome} Press"
        " Ctrl-C and run `flask run` again.",
        err=True,
    )
