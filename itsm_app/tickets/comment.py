"""Add a caller's comment to a ticket. The desk adds comments with `update_ticket`."""

from __future__ import annotations

from uuid import UUID, uuid4, uuid5

from ..storage import items, timestamps
from ..storage.attributes import Comment
from ..storage.models import Ticket
from ..storage.updates import Update
from . import callers, history, lifecycle, limits, numbers
from .errors import IdempotencyKeyReused, TicketBusy
from .get import get_ticket

# With an idempotency key, the id of a comment is the UUID of the ticket id and the key in this
# namespace (RFC 9562, section 5.5). The namespace was generated at random once and must never
# change.
NAMESPACE = UUID("c0f1f2a5-6c0e-4c39-8f3e-57b1d2e7a9b4")
# How many times a conditional write is tried. The write fails if another request changed the ticket
# after the read. The first write of a comment comes before any read, so it also fails if the ticket
# is resolved or, on old tickets, has no stored size. After a failure, the ticket is read and the
# write is built again.
ATTEMPTS = 3


def add_comment(
    reference: str,
    comment_text: str,
    idempotency_key: str | None = None,
    caller_id: str | None = None,
    by: str = "",
    at: str | None = None,
) -> tuple[Comment, bool]:
    """Append a caller's comment to a ticket. A comment on a resolved ticket reopens the ticket.

    Args:
        reference: The id or the number of the ticket.
        comment_text: The comment.
        idempotency_key: The key with which the client repeats this request.
        caller_id: The caller that the ticket must belong to, or None for any caller.
        by: The name of the API key. The history shows the name if the ticket is reopened.
        at: The time of the comment, or None for the current time.

    Returns:
        The comment, and whether an earlier request with the same idempotency key added it.

    Raises:
        TicketNotFound, InvalidField, MisheardNumber: The same as in `get_ticket`.
        TicketClosed: The ticket is closed.
        CallerErased: The caller's data was erased.
        TicketFull: The ticket has no room for this comment.
        IdempotencyKeyReused: The earlier request had another text.
        TicketBusy: Others changed the ticket at every attempt.
    """
    ticket_id = numbers.to_ticket_id(reference)
    comment: Comment = {
        "comment_text": comment_text,
        "added_at": at or timestamps.now(),
        "comment_id": _comment_id(ticket_id, idempotency_key),
    }
    ticket: Ticket | None = None
    for _ in range(ATTEMPTS):
        if items.write(_update(ticket_id, comment, caller_id, by, ticket)):
            return comment, False
        ticket = get_ticket(reference, caller_id)
        if found := _find_same(ticket, comment):
            # If the times are the same, this request added the comment and DynamoDB's response was
            # lost. If not, an earlier request added the comment.
            return found, found["added_at"] != comment["added_at"]
        lifecycle.require_open(ticket)
        lifecycle.require_caller(ticket)
    raise TicketBusy


def _comment_id(ticket_id: str, idempotency_key: str | None) -> str:
    if idempotency_key is None:
        return str(uuid4())
    return str(uuid5(NAMESPACE, f"{ticket_id}\0{idempotency_key}"))


def _find_same(ticket: Ticket, comment: Comment) -> Comment | None:
    each: Comment
    for each in ticket.comments:
        if each.get("comment_id") == comment["comment_id"]:
            if each["comment_text"] != comment["comment_text"]:
                raise IdempotencyKeyReused
            return each
    return None


def _update(
    ticket_id: str, comment: Comment, caller_id: str | None, by: str, ticket: Ticket | None
) -> Update:
    update = Update(ticket_id, comment["added_at"])
    update.append_comment(comment)
    if ticket is not None and ticket.status == "resolved":
        update.change_fields([history.reopening(by, comment)])
    else:
        update.forbid("status", "resolved", "closed")
    if caller_id is not None:
        update.require("caller_id", *callers.whose_tickets(caller_id))
    limits.require_room(update, limits.MAX_BYTES_AFTER_COMMENT, ticket)
    return update
