"""The embedded DynamoDB that `flask run` starts when no AWS is wanted."""

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
from flask import Flask
from flask.cli import run_command
from werkzeug.serving import is_running_from_reloader

from .. import config, create_app
from ..api.errors import EmbeddedEngineError, InvalidSetting, StorageUnavailable, TableMismatch
from ..storage import table
from .engine_process import end_with
from .state_file import set_aside_damaged

ENGINE = Path(__file__).with_name("engine_process.py")
LOOPBACK = "127.0.0.1"
START_SECONDS = 10
# How long an engine whose `flask run` has just ended may need to save and give up the folder.
HANDOVER_SECONDS = 3
POLL_SECONDS = 0.02


def create_local_app() -> Flask:
    """Make the app for the `flask` command; for `flask run`, start the embedded DynamoDB first.

    Raises `click.ClickException`, for a malformed setting, and for no keys where others can
    reach the API.
    """
    try:
        app = create_app()
    except InvalidSetting as error:
        raise click.ClickException(f"{error}.") from None
    context = click.get_current_context(silent=True)
    if context is not None and context.command is run_command:
        _check_keys(**context.params)
        if is_running_from_reloader():
            # The engine belongs to the reloader, which would leave us behind if it were killed.
            end_with(os.getppid())
        elif config.wants_local_dynamodb():
            serve(Path(config.LOCAL_DYNAMODB), **context.params)
        if not config.API_KEYS:
            open_to = "open to every program on this machine, and to nobody else"
            click.echo(f" * No API_KEYS: {open_to}", err=True)
    return app


def _check_keys(host: str, **_: object) -> None:
    if not config.API_KEYS and host not in ("localhost", LOOPBACK, "::1"):
        raise click.ClickException(
            f"On {host} others can reach the API, and there are no API_KEYS. Make a key with `flask"
            " new-key NAME --role desk` and set API_KEYS to its entry, or leave out --host."
        )


def serve(folder: Path, host: str, port: int, **_: object) -> None:
    """Start the engine on the state in `folder`, make the table, and say what is where.

    `host` and `port` are those of the API. Raises `click.ClickException`.
    """
    try:
        endpoint = start(folder)
        table.create()
        table.turn_on_expiry()
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be used: {error.strerror}.") from None
    except EmbeddedEngineError as error:
        raise click.ClickException(f"{error}.") from None
    except (StorageUnavailable, TableMismatch) as error:
        name = f"{config.TABLE_NAME} in {config.REGION}"
        raise click.ClickException(
            f"{folder} has no table {name} that can be used: {error}. Correct TABLE_NAME or REGION,"
            " or give LOCAL_DYNAMODB another folder."
        ) from None
    url = f"http://{host}:{port}/tickets"
    body = '{"caller_id": "+15550100", "issue_description": "My printer is on fire"}'
    key = "-H 'x-api-key: KEY' " if config.API_KEYS else ""
    click.echo(f" * API at {url}, desk at http://{host}:{port}/desk", err=True)
    click.echo(f" * Data in {folder}, kept by an embedded DynamoDB at {endpoint}", err=True)
    click.echo(f" * Try: curl {key}-d '{body}' {url}", err=True)


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
