"""`flask erase-caller`: erase a caller's personal data."""

from __future__ import annotations

import click

from ..storage.errors import StorageUnavailable
from ..storage.retry import retries_per_request
from ..tickets import erasure
from .aws_errors import remedy


@click.command("erase-caller")
@click.argument("caller")
@click.option("--yes", is_flag=True, help="Erase the data permanently.")
@retries_per_request()
def erase_caller(caller: str, yes: bool) -> None:
    """Erase the personal data of CALLER from all their tickets.

    Without --yes, list the tickets and change nothing.
    """
    count = 0
    try:
        for ticket in erasure.tickets_of(caller):
            if not yes or erasure.erase(ticket.ticket_id, caller):
                count += 1
                click.echo(ticket.ticket_number or ticket.ticket_id)
    except (StorageUnavailable, ValueError) as error:
        progress = f"Tickets erased: {count}" if yes else "Nothing was changed"
        raise click.ClickException(
            f"The command stopped: {remedy(error)}. {progress}. Run the command again."
        ) from None
    if yes:
        click.echo(
            f"Tickets erased: {count}. Run the command again in a minute: it can miss a ticket that"
            " was just created."
        )
    else:
        click.echo(
            f"Tickets to erase: {count}. Nothing was changed. To erase permanently, add --yes."
        )
