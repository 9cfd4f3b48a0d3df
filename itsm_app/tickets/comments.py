"""What was said on a ticket, each once."""

from __future__ import annotations

from uuid import UUID, uuid4, uuid5

from ..api.errors import IdempotencyKeyReused
from ..storage.models import Comment, Ticket

# The id of a comment, or of a change, with a key is that of both in its namespace, a UUID of our
# own. One key may stand for a comment of the caller's and for a change of the desk's.
NAMESPACE = UUID("c0f1f2a5-6c0e-4c39-8f3e-57b1d2e7a9b4")
CHANGES = UUID("7d0c5b1e-93a4-4f6d-8e52-1f3b9a6c2d80")


def new_id(ticket_id: str, idempotency_key: str | None, namespace: UUID = NAMESPACE) -> str:
    """Return the id of what is said, or done, under a key of a ticket; without one, a random id."""
    if idempotency_key is None:
        return str(uuid4())
    return str(uuid5(namespace, f"{ticket_id}\0{idempotency_key}"))


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
