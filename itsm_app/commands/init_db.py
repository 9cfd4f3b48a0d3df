"""`flask init-db`: create the DynamoDB table."""

from __future__ import annotations

from pathlib import Path

import click

from .. import config
from ..config import REGION, TABLE_NAME
from ..storage import search_table, table
from ..storage.errors import StorageUnavailable, TableMismatch
from ..tickets import places
from . import embedded_table
from .aws_errors import remedy

# Error codes of engines that do not have an operation. AWS has all operations.
UNKNOWN_OPERATION = {"NotImplemented", "NotImplementedException", "UnknownOperationException"}


@click.command("init-db")
def init_db() -> None:
    """Create the DynamoDB table and its indexes.

    The command also turns on backups and the expiry of tickets.
    """
    name = f"The table {TABLE_NAME} in {_store()}"
    try:
        is_new = table.create()
    except TableMismatch as error:
        raise click.ClickException(
            f"{name} exists, but cannot store tickets: {error}. Correct TABLE_NAME or REGION."
        ) from None
    except (StorageUnavailable, ValueError) as error:
        raise click.ClickException(f"{name} was not created: {remedy(error)}.") from None
    if is_new:
        _turn_on_recovery(name)
    _turn_on_expiry(name)
    if config.uses_embedded_dynamodb():
        embedded_table.prepare(Path(config.LOCAL_DYNAMODB))
    if not is_new:
        _complete(name)
    click.echo(f"{name} {'was created' if is_new else 'already exists'}.")
    if config.SEARCH_TABLE and not config.uses_embedded_dynamodb():
        _turn_on_search()


def _complete(name: str) -> None:
    """Add what the table of an earlier release does not have.

    An earlier release that is still running neither stores nor changes places in the desk's lists.
    The next run of this command corrects them.
    """
    try:
        corrected = places.correct_active_tickets()
        for index in table.missing_indexes():
            table.add_index(index)
        corrected += places.correct_done_tickets()
    except StorageUnavailable as error:
        raise click.ClickException(
            f"{name} exists, but the desk's lists are not complete: {remedy(error)}. Run this"
            " command again."
        ) from None
    if corrected:
        click.echo(f"The places of {corrected} tickets in the desk's lists were corrected.")


def _turn_on_search() -> None:
    name = f"The table {config.SEARCH_TABLE} with the search index"
    try:
        is_new = search_table.create()
        search_table.turn_on_stream()
    except TableMismatch as error:
        raise click.ClickException(f"Search cannot be turned on: {error}.") from None
    except StorageUnavailable as error:
        raise click.ClickException(
            f"Search was not turned on: {remedy(error)}. Run this command again."
        ) from None
    click.echo(f"{name} {'was created' if is_new else 'already exists'}.")


def _store() -> str:
    if config.uses_embedded_dynamodb():
        return f"the embedded DynamoDB in {config.LOCAL_DYNAMODB}"
    endpoint = config.dynamodb_endpoint()
    return f"the DynamoDB at {endpoint}" if endpoint else f"AWS ({REGION})"


def _turn_on_recovery(name: str) -> None:
    try:
        table.turn_on_recovery()
    except StorageUnavailable as error:
        if error.cause in UNKNOWN_OPERATION:
            click.echo("This DynamoDB has no point-in-time recovery, so the table has no backups.")
            return
        raise click.ClickException(
            f"{name} was created, but without point-in-time recovery: {remedy(error)}. Turn it on"
            f" with `aws dynamodb update-continuous-backups --region {REGION} --table-name"
            f" {TABLE_NAME} --point-in-time-recovery-specification"
            " PointInTimeRecoveryEnabled=true`."
        ) from None


def _turn_on_expiry(name: str) -> None:
    try:
        table.turn_on_expiry()
    except StorageUnavailable as error:
        if error.cause in UNKNOWN_OPERATION:
            click.echo("This DynamoDB has no Time to Live, so it does not delete expired tickets.")
            return
        raise click.ClickException(
            f"{name} exists, but DynamoDB does not delete the tickets that expire by"
            f" RETENTION_DAYS: {remedy(error)}. Run this command again, or turn on the deletion"
            f" with `aws dynamodb update-time-to-live --region {REGION} --table-name {TABLE_NAME}"
            " --time-to-live-specification Enabled=true,AttributeName=expires_at`."
        ) from None
