"""The commands that the app adds to `flask`."""

from __future__ import annotations

import click
from flask import Flask

from ..api import auth
from ..api.errors import StorageUnavailable, TableMismatch
from ..config import REGION, TABLE_NAME
from ..storage import table
from .aws_errors import remedy
from .export_import import erase_caller, export_tickets, import_tickets


def init_app(app: Flask) -> None:
    """Add the commands."""
    app.cli.add_command(init_db)
    app.cli.add_command(new_key)
    app.cli.add_command(erase_caller)
    app.cli.add_command(export_tickets)
    app.cli.add_command(import_tickets)


@click.command("init-db")
def init_db() -> None:
    """Make the DynamoDB table with its indexes, backups and expiry."""
    name = f"The table {TABLE_NAME} in {REGION}"
    try:
        made = table.create()
    except TableMismatch as error:
        raise click.ClickException(f"{name} has another shape: {error}.") from None
    except (StorageUnavailable, ValueError) as error:
        raise click.ClickException(f"{name} was not made: {remedy(error)}.") from None
    if made:
        _turn_on_recovery(name)
    _turn_on_expiry(name)
    click.echo(f"{name} is {'made' if made else 'there already'}.")


@click.command("new-key")
@click.argument("name")
@click.option("--role", type=click.Choice(auth.ROLES), required=True)
def new_key(name: str, role: str) -> None:
    """Make a key for NAME, and its entry for API_KEYS."""
    key, entry = auth.make(name, role)
    if not auth.ENTRY.fullmatch(entry):
        raise click.BadParameter("1 to 64 of letters, digits, dots, dashes and underscores.")
    click.echo(f"Key, shown this once: {key}")
    click.echo(f"Entry for API_KEYS: {entry}")


def _turn_on_recovery(name: str) -> None:
    try:
        table.turn_on_recovery()
    except StorageUnavailable as error:
        raise click.ClickException(
            f"{name} is made, but without point-in-time recovery: {remedy(error)}. Turn it on with"
            f" `aws dynamodb update-continuous-backups --region {REGION} --table-name {TABLE_NAME}"
            " --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true`."
        ) from None


def _turn_on_expiry(name: str) -> None:
    try:
        table.turn_on_expiry()
    except StorageUnavailable as error:
        raise click.ClickException(
            f"{name} is there, but keeps for ever what RETENTION_DAYS hides: {remedy(error)}. Run"
            " this again, or turn it on with `aws dynamodb update-time-to-live --region"
            f" {REGION} --table-name {TABLE_NAME} --time-to-live-specification"
            " Enabled=true,AttributeName=expires_at`."
        ) from None
