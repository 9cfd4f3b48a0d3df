"""`flask erase-caller`: erase a caller's personal data."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import click

from .. import config
from ..changes import embedded
from ..storage.errors import StorageUnavailable
from ..storage.retry import retries_per_request
from ..tickets import callers, erasure
from .aws_errors import remedy


@click.command("erase-caller")
@click.argument("caller")
@click.option("--yes", is_flag=True, help="Erase the data permanently.")
@retries_per_request()
def erase_caller(caller: str, yes: bool) -> None:
    """Erase the personal data of CALLER from all their tickets.

    Without --yes, list the tickets and change nothing. Then list callers with a similar ID, whose
    tickets are never changed.
    """
    caller_ids = callers.stored_ids(caller)
    count = 0
    try:
        for caller_id in caller_ids:
            for ticket in erasure.tickets_of(caller_id):
                if not yes or erasure.erase(ticket.ticket_id, {*caller_ids}):
                    count += 1
                    click.echo(ticket.ticket_number or ticket.ticket_id)
    except (StorageUnavailable, ValueError) as error:
        progress = f"Tickets erased: {count}" if yes else "Nothing was changed"
        raise click.ClickException(
            f"The command stopped: {remedy(error)}. {progress}. Run the command again."
        ) from None
    if yes:
        _update_search_index()
        click.echo(
            f"Tickets erased: {count}. Run the command again in a minute: it can miss a ticket that"
            " was just created."
        )
    else:
        click.echo(
            f"Tickets to erase: {count}. Nothing was changed. To erase permanently, add --yes."
        )
    _list_similar_callers(caller_ids)


def _update_search_index() -> None:
    """Remove the erased words from the search index. In a stage, the stream handler does this."""
    if not config.uses_embedded_dynamodb():
        return
    try:
        embedded.process_all(Path(config.LOCAL_DYNAMODB))
    except StorageUnavailable as error:
        raise click.ClickException(
            f"The search index still has words of the erased tickets: {remedy(error)}. The next"
            " `flask run` removes them."
        ) from None


def _list_similar_callers(caller_ids: Collection[str]) -> None:
    try:
        similar = erasure.similar_callers(caller_ids)
    except StorageUnavailable as error:
        raise click.ClickException(
            f"Callers with a similar ID are not listed: {remedy(error)}. Run the command again."
        ) from None
    if similar.tickets:
        click.echo("Callers with a similar ID, whose tickets this command does not erase:")
    for caller_id, tickets in sorted(similar.tickets.items()):
        # Python's notation shows invisible characters.
        click.echo(f"  {caller_id!r}: {tickets} {'ticket' if tickets == 1 else 'tickets'}")
    if not similar.is_complete:
        click.echo(
            f"The list of similar callers is incomplete: the command read {erasure.MAX_PAGES} MB of"
            " tickets, and there are more."
        )
    has_secret = config.CALLER_SECRET or any(map(callers.PSEUDONYM.fullmatch, caller_ids))
    if similar.has_pseudonyms and not has_secret:
        raise click.ClickException(
            "The table has pseudonymous callers, and CALLER_SECRET is not set, so tickets of CALLER"
            " among them were not found. Set CALLER_SECRET to the secret of the service, and run"
            " the command again."
        )
