"""`flask export` and `flask import`: copy tickets out of the table and back."""

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
from .aws_errors import remedy

T = TypeVar("T")


def _moment(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return format_timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise click.BadParameter("A date or a time, such as 2026-11-23T22:08:48Z.") from None


@click.command("export")
@click.option("--caller", help="Only the tickets of this caller.")
@click.option("--since", callback=_moment, help="Only what was filed or changed since; UTC.")
@retries_per_request()
def export_tickets(caller: str | None, since: str | None) -> None:
    """Write all tickets to standard output, one a line, as JSON."""
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
            f"Stopped after {count} tickets, and these are not all: {remedy(error)}."
        ) from None


@click.command("import")
@click.argument("file", type=click.File("rb"), default="-")
@retries_per_request()
def import_tickets(file: IO[bytes]) -> None:
    """Take back what `flask export` wrote, from FILE or standard input.

    A ticket that is there already stays as it is.
    """
    from ..storage import export_format

    counts: Counter[str] = Counter()
    number = 0
    try:
        with _progress(file) as lines:
            for number, line in enumerate(lines, start=1):
                item = export_format.from_line(line)
                outcome = export_format.import_item(item)
                counts[outcome] += 1
                if outcome == "different":
                    _say_different(number, item)
    except InvalidLine as error:
        raise click.ClickException(
            f"Line {number} is no ticket: {error}. What is before it is in. Correct the line, and"
            " import the file again."
        ) from None
    except (StorageUnavailable, ValueError) as error:
        raise click.ClickException(
            f"Stopped in line {number}: {remedy(error)}. What is before it is in. Import the file"
            " again."
        ) from None
    click.echo(f"Imported: {counts['imported']}. There already: {counts['unchanged']}.")
    if counts["different"]:
        raise click.ClickException(
            f"Different from what is there, and left out: {counts['different']}."
        )


def _say_different(line: int, item: dict[str, Any]) -> None:
    name = item.get("ticket_number", item["ticket_id"])["S"]
    click.echo(f"Line {line}: ticket {name} is there already, and differs.", err=True)


def _progress(each: Iterable[T], hidden: bool = False) -> Any:
    hidden = hidden or not sys.stderr.isatty()
    return click.progressbar(each, label="Tickets", file=sys.stderr, show_pos=True, hidden=hidden)
