"""The size of a ticket in bytes. Each write updates the size in the attribute `content_bytes`.

The size of a text is its length in JSON. In a response, the text has exactly this length. In
DynamoDB, the text has the same length or a smaller one. So one limit holds for the stored item and
for the response.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from .attributes import Comment, Event, Handover
from .models import Ticket

# What a ticket, a comment and a history entry need besides their texts: bytes for attribute names,
# ids and timestamps.
TICKET_BYTES = 600
COMMENT_BYTES = 200
HANDOVER_BYTES = 400
EVENT_BYTES = 250


def of_ticket(ticket: Ticket) -> int:
    """Return the size of a ticket in bytes.

    The size is computed if the ticket is older than the attribute `content_bytes`.
    """
    if ticket.content_bytes is not None:
        return int(ticket.content_bytes)
    texts = of_text(ticket.caller_id) + of_text(ticket.issue_description)
    lists = of_comments(ticket.comments) + of_comments(ticket.notes or ())
    lists += of_handovers(ticket.handovers or ()) + of_history(ticket.history or ())
    return TICKET_BYTES + texts + lists


def of_comments(comments: Iterable[Comment]) -> int:
    """Return the size of comments in bytes."""
    return sum(COMMENT_BYTES + of_text(each["comment_text"]) for each in comments)


def of_handovers(handovers: Iterable[Handover]) -> int:
    """Return the size of hand-overs in bytes."""
    texts = (each.get("reason", "") + each.get("summary", "") for each in handovers)
    return sum(HANDOVER_BYTES + of_text(each) for each in texts)


def of_history(events: Iterable[Event]) -> int:
    """Return the size of history entries in bytes."""
    texts = (each.get("from", "") + each.get("to", "") for each in events)
    return sum(EVENT_BYTES + of_text(each) for each in texts)


def of_text(text: str) -> int:
    """Return the size of a text in bytes."""
    return len(msgspec.json.encode(text))
