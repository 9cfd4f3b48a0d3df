"""Responses of limited size, for clients that cannot read long ones."""

from __future__ import annotations

import msgspec

from .response_schemas import Ticket

# What a page has besides its tickets: brackets, field names and the cursor.
PAGE_BYTES = 250


def in_json(response: msgspec.Struct) -> int:
    """Return the size of a response in bytes."""
    return len(msgspec.json.encode(response))


def omit_comments(ticket: Ticket, stored: int, max_bytes: int) -> Ticket:
    """Leave out the oldest comments, so that the ticket has at most `max_bytes` in JSON.

    Args:
        ticket: The ticket. The function changes it.
        stored: How many comments the stored ticket has. The response may already have fewer.
        max_bytes: The maximum size. A ticket without comments is smaller.
    """
    ticket.omitted_comments = stored - len(ticket.comments) or None
    if in_json(ticket) <= max_bytes:
        return ticket
    comments, ticket.comments = ticket.comments, []
    ticket.omitted_comments = stored
    room = max_bytes - in_json(ticket)
    while (room := room - in_json(comments[-1]) - len(",")) >= 0:
        ticket.comments.insert(0, comments.pop())
    ticket.omitted_comments = stored - len(ticket.comments)
    return ticket
