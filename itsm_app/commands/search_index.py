"""`flask rebuild-search`, `flask check-search` and `flask parked`: look after the search index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from .. import config
from ..changes import embedded
from ..search import check, rebuild
from ..storage import search_index
from ..storage.errors import StorageUnavailable
from ..storage.retry import retries_per_request
from . import embedded_table
from .aws_errors import remedy

# How many differences are listed.
MAX_LINES = 20
PROGRESS_TICKETS = 1000

NOT_FOLLOWED = (
    "The stream handler did not reach a ticket within"
    f" {rebuild.MAX_WAIT_SECONDS} s. Look at its log and its alarms, then run the command again: it"
    " goes on where it stopped."
)


@click.command("rebuild-search")
@retries_per_request()
def rebuild_search() -> None:
    """Index all tickets again.

    Tickets can be created and changed meanwhile. If the command was interrupted, run it again: it
    goes on where it stopped.
    """
    with _search_index():
        if rebuild.is_unfinished():
            click.echo("The last rebuild was interrupted. It goes on.")
        else:
            rebuild.start()
        reached = shown = 0
        for reached in rebuild.rebuild():
            if reached - shown >= PROGRESS_TICKETS:
                click.echo(f"Tickets indexed: {reached}")
                shown = reached
        click.echo(f"The search index has all {reached} tickets.")


@click.command("check-search")
@retries_per_request()
def check_search() -> None:
    """Compare the search index with all tickets.

    The command reads both tables completely. It fails if a ticket differs.
    """
    with _search_index():
        report = check.check()
        parked_ids = {each.ticket_id for each in search_index.parked()}
    lines = [
        f"{each.ticket_id}: {each.missing} missing, {each.extra} extra, {each.unlisted} unlisted"
        for each in report.differences
    ]
    lines += [
        f"{each}: the ticket cannot be read, and its change is not parked"
        for each in report.unreadable
        if each not in parked_ids
    ]
    for line in lines[:MAX_LINES]:
        click.echo(line)
    if lines:
        raise click.ClickException(
            f"Tickets that differ: {len(lines)} of {report.tickets}. Index them again with `flask"
            " rebuild-search`. If this does not help, delete the table"
            f" {config.search_table()}, run `flask init-db`, then `flask rebuild-search`."
        )
    click.echo(
        f"The search index has the {report.postings} postings of {report.tickets} tickets, and no"
        " others."
    )


@click.command("parked")
@click.option("--replay", is_flag=True, help="Try to process the changes again.")
@retries_per_request()
def parked(replay: bool) -> None:
    """List the changes that could not be processed, and why."""
    with _search_index():
        found = search_index.parked()
        for each in found:
            click.echo(f"{each.failed_at} {each.consumer} {each.ticket_id}: {each.reason}")
        if replay:
            failed = sum(not rebuild.replay(each) for each in found)
            click.echo(f"Changes processed: {len(found) - failed}. Parked again: {failed}.")
            if failed:
                raise click.ClickException(
                    "Some tickets still cannot be indexed. Correct them, then run the command"
                    " again. `flask parked` says where indexing fails."
                )
        else:
            click.echo(f"Parked changes: {len(found)}.")


@contextmanager
def _search_index() -> Iterator[None]:
    """Prepare the search index for a command, and translate the errors of its requests.

    Raises:
        click.ClickException: Search is off, or the command cannot go on.
    """
    if not config.uses_search():
        raise click.ClickException(
            "Search is off: set SEARCH_TABLE to the name of the search index's table."
        )
    try:
        if config.uses_embedded_dynamodb():
            folder = Path(config.LOCAL_DYNAMODB)
            embedded_table.prepare(folder)
            embedded.start(folder)
        yield
    except rebuild.NotFollowed:
        raise click.ClickException(NOT_FOLLOWED) from None
    except (StorageUnavailable, ValueError) as error:
        what = remedy(error)
        if getattr(error, "cause", "") == "ResourceNotFoundException":
            what = (
                f"the table {config.TABLE_NAME} or the table {config.search_table()} with the"
                " search index does not exist; correct the setting, or run `flask init-db`"
            )
        raise click.ClickException(f"The command stopped: {what}. Run the command again.") from None
