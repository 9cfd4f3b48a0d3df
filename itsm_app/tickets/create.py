"""Create a ticket."""

from __future__ import annotations

from ..storage import items, timestamps
from ..storage.errors import StorageUnavailable
from ..storage.models import Ticket
from . import numbers
from .errors import IdempotencyKeyReused
from .get import get_ticket


def create_ticket(
    caller_id: str,
    issue_description: str,
    idempotency_key: str | None = None,
    at: str | None = None,
) -> tuple[Ticket, bool]:
    """Create a ticket.

    Args:
        caller_id: The caller that the ticket belongs to.
        issue_description: The caller's problem.
        idempotency_key: The key with which the client repeats this request.
        at: The time of the creation, or None for the current time.

    Returns:
        The ticket as it is stored now, and whether an earlier request with the same idempotency
        key created it.

    Raises:
        IdempotencyKeyReused: The earlier request had another description.
    """
    now = at or timestamps.now()
    for number in numbers.candidates(caller_id, idempotency_key):
        ticket = Ticket(
            ticket_id=numbers.ticket_id(number),
            ticket_number=numbers.written(number),
            caller_id=caller_id,
            issue_description=issue_description,
            created_at=now,
            updated_at=now,
            idempotency_key=idempotency_key,
        )
        if items.put_new(ticket):
            return ticket, False
        found = get_ticket(ticket.ticket_id)
        if _is_same_request(found, ticket):
            if found.issue_description != issue_description:
                raise IdempotencyKeyReused
            return found, found.created_at != now
        # Another ticket has this number: try the next one.
    raise StorageUnavailable("NumbersTaken", attempts=numbers.CANDIDATES)


def _is_same_request(found: Ticket, ticket: Ticket) -> bool:
    # If there is a key, a match means that the client repeated the request. If there is no key, a
    # match means that DynamoDB's response was lost and `storage.retry` repeated the write.
    same = found.caller_id == ticket.caller_id and found.idempotency_key == ticket.idempotency_key
    return same and (ticket.idempotency_key is not None or found.created_at == ticket.created_at)
