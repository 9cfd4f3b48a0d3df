"""What the desk has answered since the caller's last call.

A call tells each answer once. If the same call asks again, it gets the same answers: Amazon Connect
repeats an event whose response was lost. Three attributes of a ticket store what was told:
`told_contact_id` is the last call that told answers, `told_until` is the time of the newest answer
that was told, and `told_before` is the value of `told_until` before this call.
"""

from __future__ import annotations

from ..storage import items
from ..storage.attributes import Comment
from ..storage.models import Ticket
from ..storage.retry import without_retries


def untold(ticket: Ticket, contact_id: str) -> list[Comment]:
    """Return the desk's answers on a ticket that no other call has told, oldest first.

    Args:
        ticket: The ticket.
        contact_id: The ID of this call.
    """
    since = _told_before(ticket, contact_id) or ""
    return [each for each in ticket.comments if "author" in each and each["added_at"] > since]


def mark_told(ticket: Ticket, contact_id: str, until: str) -> None:
    """Store that a call tells the answers on a ticket until a time, with one attempt.

    Store nothing if another call has told answers on this ticket meanwhile.

    Args:
        ticket: The ticket as it was read.
        contact_id: The ID of this call.
        until: The time of the newest answer.

    Raises:
        StorageUnavailable: DynamoDB failed.
    """
    if (ticket.told_contact_id, ticket.told_until) == (contact_id, until):
        return
    with without_retries():
        items.store_told(ticket, until, _told_before(ticket, contact_id), contact_id)


def _told_before(ticket: Ticket, contact_id: str) -> str | None:
    return ticket.told_before if ticket.told_contact_id == contact_id else ticket.told_until
