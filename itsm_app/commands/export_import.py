"""`flask export` and `flask import`: copy tickets out of the table and into it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import IO, Any, TypeVar

import click

from ..storage.errors import INVALID_ITEM, InvalidLine, StorageUnavailable
from ..storage.retry import retries_per_request
from ..storage.timestamps import format_timestamp
from ..tickets import callers
from . import export_file
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
@click.argument("file", default="-")
@click.option("--caller", help="Export only the tickets of this caller.")
@click.option(
    "--since",
    callback=_parse_time,
    help="Export only tickets that were created, changed or erased since this time. In UTC, unless"
    " the time has a time zone.",
)
@retries_per_request()
def export_tickets(file: str, caller: str | None, since: str | None) -> None:
    """Export all tickets to FILE or to standard output.

    Each line is one ticket, as a JSON object. FILE gets its name when it is complete.
    """
    from ..storage import export_format

    is_hidden = file == "-" and sys.stdout is not None and sys.stdout.isatty()
    count = 0
    try:
        with (
            export_file.writer(file) as out,
            _progress(_stored_items(caller, since), hidden=is_hidden) as items,
        ):
            for item in items:
                out.write(export_format.to_line(item))
                count += 1
    except (StorageUnavailable, ValueError) as error:
        raise click.ClickException(_incomplete(count, remedy(error))) from None
    except OSError as error:
        raise click.ClickException(_incomplete(count, export_file.remedy(error))) from None


def _stored_items(caller: str | None, since: str | None) -> Iterator[dict[str, Any]]:
    from ..storage import queries

    for caller_id in [None] if caller is None else callers.stored_ids(caller):
        yield from queries.stored_items(caller_id, since)


def _incomplete(count: int, reason: str) -> str:
    return f"The export stopped after {count} tickets and is incomplete: {reason}."


@click.command("import")
@click.argument("file", type=click.File("rb"), default="-")
@retries_per_request()
def import_tickets(file: IO[bytes]) -> None:
    """Import tickets from FILE or from standard input.

    The input is the output of `flask export`, and can be compressed with gzip. Tickets that already
    exist are not changed, except that their caller IDs are normalised.
    """
    from ..storage import export_format
    from ..tickets import imports

    counts: Counter[str] = Counter()
    number = 1
    try:
        with _progress(export_file.lines(file)) as lines:
            for line in lines:
                if line:
                    item = export_format.from_line(line)
                    outcome = imports.import_item(item)
                    counts[outcome] += 1
                    counts["unreachable"] += imports.is_unreachable(item)
                    if outcome == "different":
                        _report_different(number, item)
                number += 1
    except InvalidLine as error:
        raise _invalid_line(number, f"{error}") from None
    except (StorageUnavailable, ValueError) as error:
        if isinstance(error, StorageUnavailable) and error.cause in INVALID_ITEM:
            raise _invalid_line(number, error.message.rstrip(".")) from None
        raise _stopped(number, remedy(error)) from None
    except OSError as error:
        raise _stopped(number, f"the file cannot be read ({error.strerror})") from None
    _report(counts)


def _invalid_line(number: int, reason: str) -> click.ClickException:
    return click.ClickException(
        f"Line {number} is not a ticket: {reason}. The lines before it were imported. Correct the"
        " file, and import it again."
    )


def _stopped(number: int, reason: str) -> click.ClickException:
    return click.ClickException(
        f"The import stopped at line {number}: {reason}. The lines before it were imported. Import"
        " the file again."
    )


def _report(counts: Counter[str]) -> None:
    click.echo(f"Imported: {counts['imported']}. Already existed: {counts['unchanged']}.")
    if counts["normalised"]:
        click.echo(f"Already existed, and now have the present form: {counts['normalised']}.")
    if counts["unreachable"]:
        click.echo(
            "Tickets with a caller ID that this service rejects in requests:"
            f" {counts['unreachable']}. Only requests that name no caller can read them."
        )
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
