"""The app of the `flask` command: the service with its commands, and checks for `flask run`."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import click
from flask import Flask
from flask.cli import run_command
from flask.helpers import get_debug_flag
from werkzeug.serving import is_running_from_reloader

from .. import config, create_app
from ..api import exit_signals
from ..changes import embedded
from . import demo, embedded_table, erase_caller, export_import, init_db, new_key, search_index

POLL_SECONDS = 0.2
EXIT_AGAIN_SECONDS = 0.5
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")


def create_command_app() -> Flask:
    """Create the app for the `flask` command.

    Raises:
        click.ClickException: A setting is malformed. For `flask run` also: other machines could
            reach an API without keys, or the embedded DynamoDB cannot be used.
    """
    try:
        app = create_app()
    except config.InvalidSetting as error:
        raise click.ClickException(f"{error}.") from None
    for command in (
        init_db.init_db,
        new_key.new_key,
        erase_caller.erase_caller,
        export_import.export_tickets,
        export_import.import_tickets,
        demo.demo,
        search_index.rebuild_search,
        search_index.check_search,
        search_index.parked,
    ):
        app.cli.add_command(command)
    context = click.get_current_context(silent=True)
    if context is not None and context.command is run_command:
        _prepare_server(app, **context.params)
    return app


def _prepare_server(app: Flask, host: str, port: int, reload: bool | None, **_: object) -> None:
    if not config.API_KEYS and host not in LOOPBACK_HOSTS:
        raise click.ClickException(
            f"On {host}, other machines can reach the API, and there are no API_KEYS. Create a key"
            " with `flask new-key NAME --role desk` and set API_KEYS to its entry, or leave out"
            " --host."
        )
    app.config["KEYLESS"] = True
    if config.uses_embedded_dynamodb():
        embedded_table.prepare(Path(config.LOCAL_DYNAMODB))
        has_reloader = get_debug_flag() if reload is None else reload
        # The reloader runs the server in another process.
        if is_running_from_reloader() or not has_reloader:
            embedded.start(Path(config.LOCAL_DYNAMODB))
    _end_on_signals()
    # The reloader of `flask run --debug` starts this process again.
    if is_running_from_reloader():
        _end_with(os.getppid())
    else:
        _print_first_steps(host, port)


def _end_on_signals() -> None:
    # The kernel ignores these signals for the first process of a container, unless there is a
    # handler.
    for number in (signal.SIGTERM, signal.SIGHUP):
        # `nohup` ignores SIGHUP.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number: int, _: object) -> None:
    # After SIGHUP, the terminal is gone.
    with suppress(OSError):
        name = signal.Signals(number).name
        click.echo(f" * Stopped by {name}. Every acknowledged write is stored.", err=True)
    exit_signals.exit_process(EXIT_AGAIN_SECONDS)


def _end_with(parent: int) -> None:
    """End this process with its parent. A reloader that is killed would leave the server behind."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _print_first_steps(host: str, port: int) -> None:
    url = f"http://{host}:{port}"
    body = '{"caller_id": "+15550100", "issue_description": "My printer is on fire"}'
    key = "-H 'x-api-key: KEY' " if config.API_KEYS else ""
    click.echo(f" * API at {url}/tickets, desk at {url}/desk", err=True)
    if config.uses_embedded_dynamodb():
        click.echo(f" * Tickets are stored in {config.LOCAL_DYNAMODB}", err=True)
    click.echo(f" * Try: curl {key}-d '{body}' {url}/tickets", err=True)
    if not config.API_KEYS:
        click.echo(
            " * There are no API_KEYS: programs on this machine can use the API without a key,"
            " other machines cannot.",
            err=True,
        )
