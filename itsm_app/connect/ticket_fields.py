"""The fields of tickets in a response, which has no lists and no objects."""

from __future__ import annotations

from collections.abc import Iterable

from ..api.response_schemas import Notice, Ticket


def of_ticket(ticket: Ticket, prefix: str = "ticket_") -> dict[str, str | None]:
    """Return the fields of one ticket, with its newest comment.

    Args:
        ticket: The ticket.
        prefix: The beginning of each name.
    """
    newest = ticket.comments[-1] if ticket.comments else None
    fields: dict[str, str | None] = {
        "number": ticket.ticket_number,
        "spoken_number": ticket.spoken_number,
        "status": ticket.status,
        "issue_description": ticket.issue_description,
        "created_at": ticket.created_at,
        "updated_at": ticket.updated_at,
        "handover": ticket.handover.status if ticket.handover else None,
        "latest_comment": newest.comment_text if newest else None,
        "latest_comment_by": ("desk" if newest.author else "caller") if newest else None,
    }
    return {f"{prefix}{name}": text for name, text in fields.items()}


def of_notice(notice: Notice | None) -> dict[str, str | None]:
    """Return the fields of the notice, or no fields without a notice."""
    if notice is None:
        return {}
    return {
        "notice": notice.text,
        "notice_ends_at": notice.ends_at,
        "notice_ticket_number": notice.ticket_number,
    }


def of_tickets(tickets: Iterable[Ticket]) -> dict[str, str | None]:
    """Return the fields of several tickets, `ticket_1_number` and so on, and their count."""
    fields: dict[str, str | None] = {}
    count = 0
    for count, ticket in enumerate(tickets, start=1):
        fields |= of_ticket(ticket, f"ticket_{count}_")
    return {"ticket_count": str(count), **fields}
