"""Prepare the table of the embedded DynamoDB."""

from __future__ import annotations

from pathlib import Path

import click

from ..search import rebuild
from ..storage import queries, search_table, table
from ..storage.errors import StorageUnavailable, TableMismatch
from ..tickets import places
from .aws_errors import remedy
from .previous_state import import_previous_state


def prepare(folder: Path) -> None:
    """Create the table in a folder unless it exists, and import the tickets of release 0.1.

    Raises:
        click.ClickException: The folder cannot be used, or its table has another shape.
    """
    try:
        table.create()
        if missing_indexes := table.missing_indexes():
            places.correct_active_tickets()
        for name in missing_indexes:
            table.add_index(name)
        table.turn_on_expiry()
        search_table.create()
        has_tickets = bool(queries.ticket_page(1, after=None)[0])
        # The tickets of an earlier release are not in the search index yet.
        if search_table.turn_on_stream() and has_tickets:
            rebuild.start()
        import_previous_state(folder)
    except TableMismatch as error:
        raise click.ClickException(
            f"{folder} has a table that cannot store tickets: {error}. Choose another folder with"
            " LOCAL_DYNAMODB, or another TABLE_NAME."
        ) from None
    except (StorageUnavailable, ValueError) as error:
        raise click.ClickException(f"{folder} cannot be used: {remedy(error)}.") from None
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be used: {error.strerror}.") from None
