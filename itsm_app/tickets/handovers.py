"""Hand-overs: a caller needs a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from .. import redaction
from ..storage.attributes import Comment, Event, Handover
from ..storage.models import Ticket
from ..storage.updates import Update
from . import history, places
from .errors import IdempotencyKeyReused

MEMBERS = ("reason", "summary", "contact_id")


def entry(content: Mapping[str, str], handover_id: str, at: str, by: str) -> Handover:
    """Return a hand-over as it is stored.

    Args:
        content: The members in `MEMBERS` that the client sent.
        handover_id: The id of the ticket or of the comment that came with the hand-over.
        at: The time of the request.
        by: The name of the API key.
    """
    origin = {"handover_id": handover_id, "requested_at": at, "requested_by": by}
    return cast("Handover", {**origin, **content})


def require_same(ticket: Ticket, handover_id: str, content: Mapping[str, str] | None) -> None:
    """Check a repeated request. Raise `IdempotencyKeyReused` if its hand-over had other content."""
    stored = [each for each in ticket.handovers or () if each["handover_id"] == handover_id]
    # `REDACT` may have been set since the ticket was stored.
    before = [
        redaction.redact_handover({name: each[name] for name in MEMBERS if name in each})
        for each in stored
    ]
    if before != ([] if content is None else [dict(content)]):
        raise IdempotencyKeyReused


def request(
    update: Update, ticket: Ticket, comment: Comment, content: Mapping[str, str], by: str
) -> str:
    """Add a hand-over to the update of a comment.

    Returns:
        Since when the hand-over waits. If one waits already, the wait goes on.
    """
    at = comment["added_at"]
    update.append_handover(entry(content, comment["comment_id"], at, by))
    since: str = ticket.handover_since or at
    if ticket.handover_since is None:
        update.set("handover_since", since)
    return since


def end(ticket: Ticket, fields: Mapping[str, str | None], **origin: str) -> list[Event]:
    """Return the history entry for a change that ends the wait, or nothing.

    The wait ends when somebody takes the ticket, or when its status is set.

    Args:
        ticket: The ticket as it was read.
        fields: The fields of the change.
        origin: As in `history.event`.
    """
    is_taken = fields.get("assignee") is not None or fields.get("status") not in (None, "open")
    if ticket.handover_since is None or not is_taken:
        return []
    return [history.event("handover", places.WAITING, "taken", **origin)]
