"""`flask export` and `flask import`: copy tickets out of the table and into it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import IO, Any, TypeVar

import click

from ..storage.errors import InvalidLine, StorageUnavailable
from ..storage.retry import retries_per_request
from ..storage.timestamps import format_timestamp
from ..tickets import places
from .aws_errors import remedy

T = TypeVar("T")


def _parse_time(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value)
        return format_timestamp(time if time.tzinfo else time.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise click.BadParameter("Enter a date or a time, such as 2026-11-23T22:08:48Z.") from None


@click.command("export")
@click.option("--caller", help="Export only the tickets of this caller.")
@click.option(
    "--since",
    callback=_parse_time,
    help="Export only tickets that were created, changed or erased since this time. In UTC, unless"
    " the time has a time zone.",
)
@retries_per_request()
def export_tickets(caller: str | None, since: str | None) -> None:
    """Export all tickets to standard output.

    Each line is one ticket, as a JSON object.
    """
    from ..storage import export_format, queries

    out, count = sys.stdout.buffer, 0
    try:
        with _progress(queries.stored_items(caller, since), hidden=sys.stdout.isatty()) as items:
            for item in items:
                out.write(export_format.to_line(item))
                count += 1
        out.flush()
    except (StorageUnavailable, ValueError) as error:
        raise click.ClickException(
            f"The export stopped after {count} tickets and is incomplete: {remedy(error)}."
        ) from None


@click.command("import")
@click.argument("file", type=click.File("rb"), default="-")
@retries_per_request()
def import_tickets(file: IO[bytes]) -> None:
    """Import tickets from FILE or from standard input.

    The input is the output of `flask export`. Tickets that already exist are not changed.
    """
    from ..storage import export_format

    counts: Counter[str] = Counter()
    number = 0
    try:
        with _progress(file) as lines:
            for number, line in enumerate(lines, start=1):
                item = places.with_place(export_format.from_line(line))
                outcome = export_format.import_item(item)
                counts[outcome] += 1
                if outcome == "different":
                    _report_different(number, item)
    except InvalidLine as error:
        raise click.ClickException(
            f"Line {number} is not a ticket: {error}. The lines before it were imported. Correct"
            " the line, and import the file again."
        ) from None
    except (StorageUnavailable, ValueError) as error:
        raise click.ClickException(
            f"The import stopped at line {number}: {remedy(error)}. The lines before it were"
            " imported. Import the file again."
        ) from None
    click.echo(f"Imported: {counts['imported']}. Already existed: {counts['unchanged']}.")
    if counts["different"]:
        raise click.ClickException(
            "Not imported, because a ticket with this ID and other content exists:"
            f" {counts['different']}."
        )


def _report_different(line: int, item: dict[str, Any]) -> None:
    name = item.get("ticket_number", item["ticket_id"])["S"]
    click.echo(f"Line {line}: ticket {name} already exists with other content.", err=True)


def _progress(iterable: Iterable[T], hidden: bool = False) -> Any:
    return click.progressbar(
        iterable,
        label="Tickets",
        file=sys.stderr,
        show_pos=True,
        hidden=hidden or not sys.stderr.isatty(),
    )
