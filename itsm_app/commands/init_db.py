"""`flask init-db`: create the DynamoDB table."""

from __future__ import annotations

import click

from ..config import REGION, TABLE_NAME
from ..storage import table
from ..storage.errors import StorageUnavailable, TableMismatch
from .aws_errors import remedy


@click.command("init-db")
def init_db() -> None:
    """Create the DynamoDB table with its indexes, backups and expiry."""
    name = f"The table {TABLE_NAME} in {REGION}"
    try:
        is_new = table.create()
    except TableMismatch as error:
        raise click.ClickException(f"{name} has another shape: {error}.") from None
    except (StorageUnavailable, ValueError) as error:
        raise click.ClickException(f"{name} was not made: {remedy(error)}.") from None
    if is_new:
        _turn_on_recovery(name)
    _turn_on_expiry(name)
    click.echo(f"{name} is {'made' if is_new else 'there already'}.")


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
