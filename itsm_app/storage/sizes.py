"""How many bytes a ticket takes, by a count that is kept on it, and how many it may take."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ..storage.models import Comment, Event, Ticket

# DynamoDB's item ends at 400 KB, and a write costs as much as its item is long. Comments leave room
# for what else may become of a ticket, and that for its closing.
CLOSED_MAX = 300 * 1024
CHANGED_MAX = CLOSED_MAX - 512
COMMENTED_MAX = CLOSED_MAX - 2 * 1024
# What a ticket, a comment and an event take besides their texts: names, ids and times.
TICKET_BYTES = 600
COMMENT_BYTES = 200
EVENT_BYTES = 250


def of_ticket(ticket: Ticket) -> int:
    """Return the bytes that a ticket takes: as counted on it, or of one from before, as it is."""
    counted = ticket.content_bytes
    if counted is not None:
        return counted
    texts = _bytes(ticket.caller_id) + _bytes(ticket.issue_description)
    said = of_comments(ticket.comments)
    return TICKET_BYTES + texts + said + of_history(ticket.history or ())


def of_comments(comments: Iterable[Comment]) -> int:
    """Return the bytes that comments take on their ticket."""
    return sum(COMMENT_BYTES + _bytes(each["comment_text"]) for each in comments)


def of_history(events: Iterable[Event]) -> int:
    """Return the bytes that events take on their ticket."""
    texts = (each.get("from", "") + each.get("to", "") for each in events)
    return sum(EVENT_BYTES + _bytes(each) for each in texts)


def _bytes(text: str) -> int:
    # In JSON, which is what an answer may be long of, and never shorter than what DynamoDB stores.
    return len(msgspec.json.encode(text))
