"""Create a ticket."""

from __future__ import annotations

from collections.abc import Mapping

from .. import redaction
from ..storage import items, timestamps
from ..storage.errors import StorageUnavailable
from ..storage.models import Ticket
from ..storage.updates import Update
from . import handovers, notices, numbers, places
from .errors import IdempotencyKeyReused, NoNotice, TicketNotFound
from .get import get_ticket
from .limits import MAX_CHILDREN


def create_ticket(
    caller_id: str,
    issue_description: str,
    idempotency_key: str | None = None,
    *,
    handover: Mapping[str, str] | None = None,
    follow_up_of: str | None = None,
    join_notice: bool = False,
    by: str = "",
    created_by: str | None = None,
    caller_verified: str | None = None,
    at: str | None = None,
) -> tuple[Ticket, bool]:
    """Create a ticket.

    Args:
        caller_id: The caller that the ticket belongs to.
        issue_description: The caller's problem.
        idempotency_key: The key with which the client repeats this request.
        handover: What the client says about a hand-over to a person, or None without a hand-over.
        follow_up_of: The id or the number of the caller's ticket that this ticket follows up.
        join_notice: Whether to link the ticket to the ticket of the incident that the notice names.
        by: The name of the API key.
        created_by: The name of the desk's key that created the ticket, or None for other keys.
        caller_verified: How the platform verified the caller, or None if it is unknown. A repeated
            request keeps the value of the first request.
        at: The time of the creation, or None for the current time.

    Returns:
        The ticket as it is stored now, and whether an earlier request with the same idempotency
        key created it.

    Raises:
        IdempotencyKeyReused: The earlier request had another description, hand-over,
            `follow_up_of` or `join_notice`.
        NoNotice: There is no incident to join, and no earlier request has created this ticket.
        TicketNotFound, InvalidField, MisheardNumber: For `follow_up_of`, as in `get_ticket`.
    """
    issue_description = redaction.redact(issue_description)
    handover = redaction.redact_handover(handover)
    now = at or timestamps.now()
    followed = get_ticket(follow_up_of, caller_id) if follow_up_of else None
    incident = notices.incident() if join_notice else None
    can_create = incident is not None or not join_notice
    for number in numbers.candidates(caller_id, idempotency_key):
        ticket = Ticket(
            ticket_id=numbers.ticket_id(number),
            ticket_number=numbers.written(number),
            caller_id=caller_id,
            issue_description=issue_description,
            created_at=now,
            updated_at=now,
            idempotency_key=idempotency_key,
            follow_up_of=followed and followed.ticket_number,
            parent=incident and incident.ticket_number,
            created_by=created_by,
            caller_verified=caller_verified,
        )
        if handover is not None:
            ticket.handovers = [handovers.entry(handover, ticket.ticket_id, now, by)]
            ticket.handover_since = now
        places.set_place(ticket)
        if can_create and items.put_new(ticket):
            _link(followed, ticket)
            return ticket, False
        try:
            found = get_ticket(ticket.ticket_id)
        except TicketNotFound as error:
            raise error if can_create else NoNotice from None
        if _is_same_request(found, ticket):
            # A repeated request keeps the incident that the first request has joined.
            if (
                redaction.redact(found.issue_description),
                found.follow_up_of,
                found.parent is not None,
            ) != (issue_description, ticket.follow_up_of, join_notice):
                raise IdempotencyKeyReused
            handovers.require_same(found, ticket.ticket_id, handover)
            # The request that created the ticket may have failed before it linked the tickets.
            _link(followed, found)
            return found, found.created_at != now
        # Another ticket has this number: try the next one.
    raise StorageUnavailable("NumbersTaken", attempts=numbers.CANDIDATES)


def _link(followed: Ticket | None, ticket: Ticket) -> None:
    number = ticket.ticket_number
    if followed and number and number not in (followed.follow_ups or ()):
        update = Update(followed.ticket_id, timestamps.now())
        update.link("follow_ups", number)
        items.write(update)
    if ticket.parent and number:
        # If the incident has too many children, the ticket itself still has the link.
        items.add_child(numbers.to_ticket_id(ticket.parent), number, MAX_CHILDREN)


def _is_same_request(found: Ticket, ticket: Ticket) -> bool:
    # If there is a key, a match means that the client repeated the request. If there is no key, a
    # match means that DynamoDB's response was lost and `storage.retry` repeated the write.
    same = found.caller_id == ticket.caller_id and found.idempotency_key == ticket.idempotency_key
    return same and (ticket.idempotency_key is not None or found.created_at == ticket.created_at)
