"""`flask erase-caller`: erase a caller's personal data."""

from __future__ import annotations

import click

from ..storage.errors import StorageUnavailable
from ..storage.retry import retries_per_request
from ..tickets import erasure
from .aws_errors import remedy


@click.command("erase-caller")
@click.argument("caller")
@click.option("--yes", is_flag=True, help="Erase, and not only say what would be.")
@retries_per_request()
def erase_caller(caller: str, yes: bool) -> None:
    """Take out of every ticket of CALLER what names them. Without --yes, list these tickets."""
    count = 0
    try:
        for ticket in erasure.tickets_of(caller):
            if not yes or erasure.erase(ticket.ticket_id, caller):
                count += 1
                click.echo(ticket.ticket_number or ticket.ticket_id)
    except (StorageUnavailable, ValueError) as error:
        done = f"{count} erased" if yes else "nothing changed"
        raise click.ClickException(f"Stopped, {done}: {remedy(error)}. Run it again.") from None
    if yes:
        click.echo(f"Tickets erased: {count}. Run it again in a minute: one just filed comes late.")
    else:
        click.echo(f"Tickets to erase: {count}. Nothing is changed; --yes does it, for good.")
