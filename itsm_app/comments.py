"""What was said on a ticket, each once."""

from __future__ import annotations

from uuid import UUID, uuid4, uuid5

from .exceptions import IdempotencyKeyReused
from .models import Comment, Ticket

# The id of a comment with a key is that of both in this namespace, a UUID of our own.
NAMESPACE = UUID("c0f1f2a5-6c0e-4c39-8f3e-57b1d2e7a9b4")


def new_id(ticket_id: str, idempotency_key: str | None) -> str:
    """Return the id of what is said, or done, under a key of a ticket; without one, a random id."""
    if idempotency_key is None:
        return str(uuid4())
    return str(uuid5(NAMESPACE, f"{ticket_id}\0{idempotency_key}"))


def said_before(ticket: Ticket, comment: Comment) -> Comment | None:
    """Return this comment if the ticket has it.

    Raises `IdempotencyKeyReused` when it has other words.
    """
    each: Comment
    for each in ticket.comments:
        if each.get("comment_id") == comment["comment_id"]:
            if each["comment_text"] != comment["comment_text"]:
                raise IdempotencyKeyReused
            return each
    return None
