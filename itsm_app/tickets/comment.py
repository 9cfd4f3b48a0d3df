"""Add a caller's comment to a ticket. The desk adds comments with `update_ticket`."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID, uuid4, uuid5

from .. import redaction
from ..storage import items, timestamps
from ..storage.attributes import Comment
from ..storage.models import Ticket
from ..storage.updates import Update
from . import callers, handovers, history, lifecycle, limits, numbers, places
from .errors import IdempotencyKeyReused, TicketBusy
from .get import get_ticket

# The namespace of the ids of callers' comments, see `repeatable_id`. The namespace was generated at
# random once and must never change.
NAMESPACE = UUID("c0f1f2a5-6c0e-4c39-8f3e-57b1d2e7a9b4")
# How many times a conditional write is tried. The write fails if another request changed the ticket
# after the read. The first write of a comment comes before any read, so it also fails if the ticket
# is resolved, or if the ticket is so old that its size is not stored. After a failure, the ticket
# is read and the write is built again.
ATTEMPTS = 3


def add_comment(
    reference: str,
    comment_text: str,
    idempotency_key: str | None = None,
    caller_id: str | None = None,
    by: str = "",
    *,
    handover: Mapping[str, str] | None = None,
    caller_verified: str | None = None,
    at: str | None = None,
) -> tuple[Comment, str | None, bool]:
    """Append a caller's comment to a ticket. A comment on a resolved ticket reopens the ticket.

    Args:
        reference: The id or the number of the ticket.
        comment_text: The comment.
        idempotency_key: The key with which the client repeats this request.
        caller_id: The caller that the ticket must belong to, or None for any caller.
        by: The name of the API key. The history shows the name if the ticket is reopened.
        handover: What the client says about a hand-over to a person, or None without a hand-over.
        caller_verified: How the platform verified the caller, or None if it is unknown. A repeated
            request keeps the value of the first request.
        at: The time of the comment, or None for the current time.

    Returns:
        The comment; since when its hand-over waits, or None without a waiting hand-over; and
        whether an earlier request with the same idempotency key added the comment.

    Raises:
        TicketNotFound, InvalidField, MisheardNumber: The same as in `get_ticket`.
        TicketClosed: The ticket is closed.
        CallerErased: The caller's data was erased.
        TicketFull: The ticket has no room for this comment.
        IdempotencyKeyReused: The earlier request had another text or hand-over.
        TicketBusy: Others changed the ticket at every attempt.
    """
    comment_text = redaction.redact(comment_text)
    handover = redaction.redact_handover(handover)
    ticket_id = numbers.to_ticket_id(reference)
    comment: Comment = {
        "comment_text": comment_text,
        "added_at": at or timestamps.now(),
        "comment_id": repeatable_id(NAMESPACE, ticket_id, idempotency_key),
    }
    if caller_verified is not None:
        comment["caller_verified"] = caller_verified
    ticket: Ticket | None = None
    # The last round only reads, because the last write may have succeeded and lost its response.
    for attempt in range(ATTEMPTS + 1):
        # A hand-over moves the ticket to another place, which depends on the ticket.
        if attempt or handover is not None:
            ticket = get_ticket(reference, caller_id)
            if found := _find_same(ticket, comment):
                handovers.require_same(ticket, comment["comment_id"], handover)
                # If the stored comment has the `added_at` of this request, this request added the
                # comment and DynamoDB's response was lost. Otherwise, an earlier request added it.
                return found, ticket.handover_since, found["added_at"] != comment["added_at"]
            lifecycle.require_open(ticket)
            lifecycle.require_caller(ticket)
        update, since = _update(ticket_id, comment, caller_id, by, ticket, handover)
        if attempt < ATTEMPTS and items.write(update):
            return comment, since, False
    raise TicketBusy


def repeatable_id(namespace: UUID, ticket_id: str, idempotency_key: str | None) -> str:
    """Return the id of a comment or a change.

    With an idempotency key, the id is the UUID of the ticket id and the key in `namespace` (RFC
    9562, section 5.5), so a repeated request has the same id. Without a key, the id is random.
    """
    if idempotency_key is None:
        return str(uuid4())
    return str(uuid5(namespace, f"{ticket_id}\0{idempotency_key}"))


def _find_same(ticket: Ticket, comment: Comment) -> Comment | None:
    each: Comment
    for each in ticket.comments:
        if each.get("comment_id") == comment["comment_id"]:
            if redaction.redact(each["comment_text"]) != comment["comment_text"]:
                raise IdempotencyKeyReused
            return each
    return None


def _update(
    ticket_id: str,
    comment: Comment,
    caller_id: str | None,
    by: str,
    ticket: Ticket | None,
    handover: Mapping[str, str] | None,
) -> tuple[Update, str | None]:
    update = Update(ticket_id, comment["added_at"])
    update.append_comment(comment)
    changes: dict[str, str | None] = {}
    if ticket is not None and ticket.status == "resolved":
        update.change_fields([history.reopening(by, comment)])
        update.set("reopened_at", comment["added_at"])
        changes["status"] = "in_progress"
    else:
        update.forbid("status", *lifecycle.DONE)
    if ticket is not None and handover is not None:
        changes["handover_since"] = handovers.request(update, ticket, comment, handover, by)
    if ticket is not None and changes:
        places.move(update, ticket, **changes)
    if caller_id is not None:
        update.require("caller_id", *callers.whose_tickets(caller_id))
    limits.require_room(update, limits.MAX_BYTES_AFTER_COMMENT, ticket)
    return update, changes.get("handover_since")
