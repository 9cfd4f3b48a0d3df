"""Change several tickets of a list in one request, as the desk's pages do."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple, cast

from flask import g

from ..storage import timestamps
from ..storage.errors import StorageUnavailable
from ..tickets.errors import TicketError
from . import error_responses, operations
from .request_schemas import OneTicketQuery, TicketChange
from .response_schemas import DeskTicket

# One ticket can take 7 s while DynamoDB fails, and a Lambda has 10 s for the request.
MAX_SECONDS = 3
DONE = "done"
# The result of a ticket that was not reached, because DynamoDB failed or the time was over.
NOT_TRIED = "not_tried"


class Selected(NamedTuple):
    """A row of a list: the id of the ticket, and `updated_at` as the row had it."""

    ticket_id: str
    updated_at: str


class Result(NamedTuple):
    """What happened to a ticket: `DONE`, `NOT_TRIED` or an error code."""

    ticket_id: str
    number: str
    code: str


def now() -> str:
    """Return the current time, for `shown_at` in `change_tickets`."""
    return timestamps.now()


def change_tickets(rows: Iterable[Selected], change: TicketChange, shown_at: str) -> list[Result]:
    """Change each ticket that has not changed since the list was shown. Return the results.

    After a failure of DynamoDB or after `MAX_SECONDS`, the other tickets are not tried, so that the
    client gets the results in time.

    Args:
        rows: The tickets.
        change: What to change. The idempotency key may be the same for all tickets.
        shown_at: The time before the list was read.
    """
    end = time.monotonic() + MAX_SECONDS
    results: list[Result] = []
    has_failed = False
    for row in rows:
        if has_failed or time.monotonic() > end:
            results.append(Result(row.ticket_id, row.ticket_id[:8], NOT_TRIED))
            continue
        results.append(_change_ticket(row, change, shown_at))
        has_failed = results[-1].code == "storage_unavailable"
    return results


def read(ticket_id: str) -> tuple[DeskTicket, str]:
    """Return a ticket with its version. Raises the errors of `operations.get_ticket_status`."""
    ticket, version = operations.get_ticket_status(ticket_id, OneTicketQuery())
    return cast("DeskTicket", ticket), version


def _change_ticket(row: Selected, change: TicketChange, shown_at: str) -> Result:
    number, code = row.ticket_id[:8], DONE
    try:
        ticket, version = read(row.ticket_id)
        number = ticket.ticket_number or number
        # A repeated request succeeds with any version if the change was already done.
        seen_versions = {version} if _is_as_shown(ticket, row, shown_at) else {""}
        operations.update_ticket(row.ticket_id, change, seen_versions)
    except (StorageUnavailable, TicketError) as error:
        code = error_responses.explain(error)[0].code
        # The request itself succeeds, and is logged so.
        g.pop("status")
    return Result(row.ticket_id, number, code)


def _is_as_shown(ticket: DeskTicket, row: Selected, shown_at: str) -> bool:
    # Rows have no version. Every write sets `updated_at`, except an internal note on its own.
    notes = [each for each in ticket.comments if each.visibility == "internal"]
    return ticket.updated_at == row.updated_at and all(note.added_at < shown_at for note in notes)
