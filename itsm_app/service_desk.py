"""What a service desk does with tickets. Plain functions over the models; no HTTP.

All of them raise `StorageUnavailable` when DynamoDB cannot be asked.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from pynamodb.exceptions import UpdateError

from .exceptions import InvalidField, StorageUnavailable, TicketNotFound
from .models import Comment, Ticket
from .retry import with_retries

# "Service, account, and table quotas" in the DynamoDB Developer Guide: partition key length.
MAX_KEY_BYTES = 2048


def create_ticket(caller_id: str, issue_description: str) -> Ticket:
    """File a ticket and return it."""
    now = _now()
    ticket = Ticket(
        ticket_id=str(uuid4()),
        caller_id=caller_id,
        issue_description=issue_description,
        created_at=now,
        updated_at=now,
    )
    with_retries(lambda: _confirm(ticket.save()))
    return ticket


def get_ticket(ticket_id: str) -> Ticket:
    """Return the ticket as it is now. Raises `TicketNotFound`."""
    _check_key(ticket_id)
    read = Ticket.connection().get_item
    answer = with_retries(lambda: _confirm(read(ticket_id, consistent_read=True)))
    if "Item" not in answer:
        raise TicketNotFound
    return Ticket.from_raw_data(answer["Item"])


def add_comment(ticket_id: str, comment_text: str) -> Comment:
    """Append a comment to a ticket and return it. Raises `TicketNotFound`."""
    _check_key(ticket_id)
    comment: Comment = {"comment_text": comment_text, "added_at": _now()}
    actions = [
        Ticket.comments.set(Ticket.comments.append([comment])),
        Ticket.updated_at.set(comment["added_at"]),
    ]
    # Without the condition, UpdateItem would make a ticket of a comment. Not Model.update, which
    # has the whole ticket sent back.
    update = Ticket.connection().update_item
    exists = Ticket.ticket_id.exists()
    try:
        with_retries(lambda: _confirm(update(ticket_id, actions=actions, condition=exists)))
    except UpdateError:
        # Only a failed condition comes through `with_retries` as it is.
        raise TicketNotFound from None
    return comment


def list_recent_tickets(caller_id: str, limit: int = 10) -> list[Ticket]:
    """Return the caller's newest tickets, at most `limit`, newest first.

    Tickets of one microsecond come in the order of their ids, highest first.
    """
    query = Ticket.caller_id_index.query
    found = with_retries(lambda: list(query(caller_id, scan_index_forward=False, limit=limit)))
    return sorted(found, key=lambda ticket: (ticket.created_at, ticket.ticket_id), reverse=True)


def check_storage() -> None:
    """Read as `get_ticket` does, and find nothing: the table is there and may be read."""
    with suppress(TicketNotFound):
        get_ticket("health")


def _check_key(ticket_id: str) -> None:
    if not ticket_id:
        raise InvalidField("ticket_id", "is missing: give the id of a ticket")
    if len(ticket_id.encode()) > MAX_KEY_BYTES:
        raise TicketNotFound


def _confirm(answer: dict[str, Any]) -> dict[str, Any]:
    # Something else than DynamoDB at its address may say 200 too, and has stored nothing.
    if "RequestId" not in answer["ResponseMetadata"]:
        raise StorageUnavailable("NotDynamoDB", attempts=1)
    return answer


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
