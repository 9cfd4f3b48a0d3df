"""How many bytes a ticket takes. Each write keeps the count in `content_bytes` on the ticket.

Texts count with their length in JSON. That is never less than what DynamoDB stores, and it is the
length in a response. So one count bounds both the item and the response.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from .attributes import Comment, Event
from .models import Ticket

# What a ticket, a comment and a history entry take besides their texts: names, ids and timestamps.
TICKET_BYTES = 600
COMMENT_BYTES = 200
EVENT_BYTES = 250


def of_ticket(ticket: Ticket) -> int:
    """Return the size of a ticket in bytes. Computed if the ticket is older than the count."""
    if ticket.content_bytes is not None:
        return int(ticket.content_bytes)
    texts = _bytes(ticket.caller_id) + _bytes(ticket.issue_description)
    return TICKET_BYTES + texts + of_comments(ticket.comments) + of_history(ticket.history or ())


def of_comments(comments: Iterable[Comment]) -> int:
    """Return the size of comments in bytes."""
    return sum(COMMENT_BYTES + _bytes(each["comment_text"]) for each in comments)


def of_history(events: Iterable[Event]) -> int:
    """Return the size of history entries in bytes."""
    texts = (each.get("from", "") + each.get("to", "") for each in events)
    return sum(EVENT_BYTES + _bytes(each) for each in texts)


def _bytes(text: str) -> int:
    return len(msgspec.json.encode(text))
