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
from .engine_process import exit_with_parent


def create_local_app() -> Flask:
    """Create the app for the `flask` command. For `flask run`, start the embedded DynamoDB first.

    Raises:
        click.ClickException: A setting is malformed, other machines could use the API without a
            key, or the embedded DynamoDB cannot be used.
    """
    try:
        app = create_app()
    except InvalidSetting as error:
        raise click.ClickException(f"{error}.") from None
    context = click.get_current_context(silent=True)
    if context is not None and context.command is run_command:
        _check_keys(**context.params)
        if is_running_from_reloader():
            # The parent process, Flask's reloader, runs the embedded DynamoDB. If the reloader is
            # killed, this process must not go on without it.
            exit_with_parent(os.getppid())
        elif config.wants_local_dynamodb():
            serve(Path(config.LOCAL_DYNAMODB), **context.params)
        if not config.API_KEYS:
            access = "programs on this machine need no key, other machines have no access"
            click.echo(f" * No API_KEYS: {access}", err=True)
    return app


def _check_keys(host: str, **_: object) -> None:
    if not config.API_KEYS and host not in ("localhost", LOOPBACK, "::1"):
        raise click.ClickException(
            f"API_KEYS is empty, and with --host {host} other machines can reach the API. Create a"
            " key with `flask new-key NAME --role desk` and set API_KEYS to its entry, or omit"
            " --host."
        )


def serve(folder: Path, host: str, port: int, **_: object) -> None:
    """Start the embedded DynamoDB, create the table, and print the addresses.

    Args:
        folder: Where the embedded DynamoDB stores its state.
        host: The host of the API.
        port: The port of the API.

    Raises:
        click.ClickException: The folder, the embedded DynamoDB or the table cannot be used.
    """
    try:
        endpoint = engine.start(folder)
        table.create()
        table.turn_on_expiry()
    except OSError as error:
        raise click.ClickException(
            f"{folder} cannot be used: {error.strerror}. Set LOCAL_DYNAMODB to another folder."
        ) from None
    except EmbeddedEngineError as error:
        raise click.ClickException(f"{error}.") from None
    except (StorageUnavailable, TableMismatch) as error:
        name = f"{config.TABLE_NAME} in {config.REGION}"
        raise click.ClickException(
            f"{folder} has no usable table {name}: {error}. Correct TABLE_NAME or REGION, or set"
            " LOCAL_DYNAMODB to another folder."
        ) from None
    url = f"http://{host}:{port}/tickets"
    body = '{"caller_id": "+15550100", "issue_description": "My printer is on fire"}'
    key = "-H 'x-api-key: KEY' " if config.API_KEYS else ""
    click.echo(f" * API at {url}, desk at http://{host}:{port}/desk", err=True)
    click.echo(f" * Data in {folder}, stored by an embedded DynamoDB at {endpoint}", err=True)
    click.echo(f" * Try: curl {key}-d '{body}' {url}", err=True)
