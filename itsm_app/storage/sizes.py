"""The size of a ticket in bytes. Each write updates the size in the attribute `content_bytes`.

The size of a text is its length in JSON. In a response, the text has exactly this length. In
DynamoDB, the text has the same length or a smaller one. So one limit holds for the stored item and
for the response.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from .attributes import Comment, Event
from .models import Ticket

# What a ticket, a comment and a history entry need besides their texts: bytes for attribute names,
# ids and timestamps.
TICKET_BYTES = 600
COMMENT_BYTES = 200
EVENT_BYTES = 250


def of_ticket(ticket: Ticket) -> int:
    """Return the size of a ticket in bytes.

    The size is computed if the ticket is older than the attribute `content_bytes`.
    """
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
