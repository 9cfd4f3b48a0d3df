"""`flask demo`: create the demo tickets of `demo_tickets.json`.

Each ticket in the file has a caller, a problem, the language of its texts, and steps. A step with
`by` is a change that this person makes at the desk. A step without `by` is a comment of the caller.
`at` is the time of a ticket or a step, relative to the start of the command: `-35m` is 35 minutes
earlier, and `-9d 08:12` is 08:12 UTC, nine working days earlier.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Annotated

import click
import msgspec
from msgspec import Meta, Struct

from .. import config
from ..storage import expiry, queries
from ..storage.errors import StorageUnavailable
from ..storage.retry import retries_per_request
from ..storage.timestamps import format_timestamp
from ..tickets import callers, comment, create, numbers, retention, update
from ..tickets.errors import TicketError
from ..tickets.lifecycle import TRANSITIONS
from . import embedded_table
from .aws_errors import remedy

FILE = Path(__file__).with_name("demo_tickets.json")
# The API key under which the callers' comments arrive.
AGENT = "voice-agent"
SATURDAY = 5

Moment = Annotated[str, Meta(pattern=r"^-(\d{1,3}m|\dd \d\d:\d\d)\Z")]


class Step(Struct, forbid_unknown_fields=True, kw_only=True):
    """A comment of the caller, or a change at the desk. `changes` is as in `update_ticket`."""

    at: Moment
    by: str | None = None
    changes: dict[str, str | None] = {}
    comment: str = ""


class DemoTicket(Struct, forbid_unknown_fields=True, kw_only=True):
    """A ticket of the file, and its steps in the order of time."""

    caller: str
    language: str
    at: Moment
    problem: str
    steps: list[Step] = []

    @property
    def caller_id(self) -> str:
        """The caller in the form in which it is stored."""
        return callers.to_stored(self.caller)

    @property
    def key(self) -> str:
        """The idempotency key. It makes the ticket number the same in every run."""
        return f"demo {self.at}"

    @property
    def number(self) -> str:
        """The ticket number, as 12 digits."""
        return next(numbers.candidates(self.caller_id, self.key))


@click.command("demo")
@retries_per_request()
def demo() -> None:
    """Create about 60 demo tickets in an empty table.

    If the command was interrupted, run it again: it adds the tickets that are missing.
    """
    if config.uses_embedded_dynamodb():
        embedded_table.prepare(Path(config.LOCAL_DYNAMODB))
    elif not config.names_table():
        raise click.ClickException(
            "TABLE_NAME is not set: set TABLE_NAME to the name of an empty table, because this"
            " command does not use the default table in AWS."
        )
    tickets = read_tickets()
    created = 0
    try:
        if _are_stored(tickets):
            click.echo(f"The table {config.TABLE_NAME} already has the demo tickets.")
        else:
            now = datetime.now(UTC)
            tickets = [each for each in tickets if not _has_expired(each, now)]
            for ticket in tickets:
                _create(ticket, now)
                created += 1
            click.echo(_summary(tickets))
    except TicketError:
        number = numbers.written(tickets[created].number)
        raise click.ClickException(
            f"Ticket {number} was changed after an interrupted run: {_empty_table()}."
        ) from None
    except (StorageUnavailable, ValueError) as error:
        raise click.ClickException(_unavailable(error, created)) from None
    click.echo("To see the tickets, open /desk. With `flask run`: http://localhost:5000/desk")


def read_tickets() -> list[DemoTicket]:
    """Return the demo tickets, oldest first. The last ticket has no steps."""
    return msgspec.json.decode(FILE.read_bytes(), type=list[DemoTicket])


def moment(at: str, now: datetime) -> datetime:
    """Return the time that `at` stands for. Working days are Monday to Friday."""
    days, _, clock = at.partition(" ")
    if not clock:
        return now - timedelta(minutes=int(at[1:-1]))
    date = now.date()
    for _ in range(int(days[1:-1])):
        date -= timedelta(1)
        while date.weekday() >= SATURDAY:
            date -= timedelta(1)
    return datetime.combine(date, time.fromisoformat(clock), UTC)


def _are_stored(tickets: list[DemoTicket]) -> bool:
    """Return whether an earlier run created all tickets. An interrupted run lacks the last one."""
    demo_ids = {numbers.ticket_id(each.number) for each in tickets}
    stored_ids = set()
    for item in queries.stored_items(None, None):
        ticket_id = item["ticket_id"]["S"]
        if ticket_id not in demo_ids:
            raise click.ClickException(
                f"The table {config.TABLE_NAME} has other tickets: {_empty_table()}."
            )
        stored_ids.add(ticket_id)
    return numbers.ticket_id(tickets[-1].number) in stored_ids


def _has_expired(ticket: DemoTicket, now: datetime) -> bool:
    """Return whether `RETENTION_DAYS` have passed since the ticket was closed."""
    if not ticket.steps or ticket.steps[-1].changes.get("status") != "closed":
        return False
    expires_at = retention.expires_at(_timestamp(ticket.steps[-1].at, now))
    return expires_at is not None and expires_at <= expiry.clock()


def _create(ticket: DemoTicket, now: datetime) -> None:
    created, _ = create.create_ticket(
        ticket.caller_id, ticket.problem, ticket.key, at=_timestamp(ticket.at, now)
    )
    for number, step in enumerate(ticket.steps, start=1):
        key, at = f"demo-{number}", _timestamp(step.at, now)
        if step.by is None:
            comment.add_comment(created.ticket_id, step.comment, key, by=AGENT, at=at)
        else:
            update.update_ticket(
                created.ticket_id,
                step.changes,
                step.comment or None,
                by=step.by,
                idempotency_key=key,
                at=at,
            )


def _timestamp(at: str, now: datetime) -> str:
    return format_timestamp(moment(at, now))


def _summary(tickets: list[DemoTicket]) -> str:
    counts = Counter(item["status"]["S"] for item in queries.stored_items(None, None))
    statuses = ", ".join(f"{counts[each]} {each.replace('_', ' ')}" for each in TRANSITIONS)
    languages = len({each.language for each in tickets})
    return (
        f"The table {config.TABLE_NAME} now has {counts.total()} demo tickets in {languages}"
        f" languages: {statuses}."
    )


def _empty_table() -> str:
    if config.uses_embedded_dynamodb():
        return "set LOCAL_DYNAMODB to a new folder, for this command and for `flask run`"
    return "set TABLE_NAME to the name of an empty table"


def _unavailable(error: StorageUnavailable | ValueError, created: int) -> str:
    if isinstance(error, StorageUnavailable) and error.cause == "ResourceNotFoundException":
        return (
            f"The table {config.TABLE_NAME} does not exist in {config.REGION}: run `flask init-db`,"
            " or correct TABLE_NAME or REGION."
        )
    return (
        f"The command stopped: {remedy(error)}. Tickets created: {created}. Run the command again."
    )
