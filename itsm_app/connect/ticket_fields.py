"""The fields of tickets in a response, which has no lists and no objects."""

from __future__ import annotations

from collections.abc import Iterable

from ..api.response_schemas import Ticket


def of_ticket(ticket: Ticket, prefix: str = "ticket_") -> dict[str, str | None]:
    """Return the fields of one ticket, with its newest comment.

    Args:
        ticket: The ticket.
        prefix: The beginning of each name.
    """
    newest = ticket.comments[-1] if ticket.comments else None
    fields = {
        "number": ticket.ticket_number,
        "spoken_number": ticket.spoken_number,
        "status": ticket.status,
        "issue_description": ticket.issue_description,
        "created_at": ticket.created_at,
        "updated_at": ticket.updated_at,
        "handover": ticket.handover and ticket.handover.status,
        "latest_comment": newest and newest.comment_text,
        "latest_comment_by": newest and ("desk" if newest.author else "caller"),
    }
    return {f"{prefix}{name}": text for name, text in fields.items()}


def of_tickets(tickets: Iterable[Ticket]) -> dict[str, str | None]:
    """Return the fields of several tickets, `ticket_1_number` and so on, and their count."""
    fields: dict[str, str | None] = {}
    count = 0
    for count, ticket in enumerate(tickets, start=1):
        fields |= of_ticket(ticket, f"ticket_{count}_")
    return {"ticket_count": str(count), **fields}
