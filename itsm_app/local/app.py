"""The app of the `flask` command. `flask run` starts the embedded DynamoDB first."""

from __future__ import annotations

import os
from pathlib import Path

import click
from flask import Flask
from flask.cli import run_command
from werkzeug.serving import is_running_from_reloader

from .. import config, create_app
from ..config import InvalidSetting
from ..storage import table
from ..storage.errors import StorageUnavailable, TableMismatch
from . import engine
from .engine import LOOPBACK, EmbeddedEngineError
from .engine_process import end_with


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
        endpoint = engine.start(folder)
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
