"""The fields of tickets in a response, which has no lists and no objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..api.response_schemas import Notice, PossibleDuplicate, Ticket


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
    rows = [of_ticket(each, "") for each in tickets]
    return {"ticket_count": str(len(rows)), **numbered("ticket", rows)}


def of_duplicates(duplicates: Sequence[PossibleDuplicate]) -> dict[str, str | None]:
    """Return the fields `possible_duplicate_1_number` and so on, and the count. {} without any."""
    if not duplicates:
        return {}
    rows = [
        {
            "number": each.ticket_number,
            "spoken_number": each.spoken_number,
            "status": each.status,
            "issue_description": each.issue_description,
            "created_at": each.created_at,
        }
        for each in duplicates
    ]
    return {"possible_duplicates": str(len(rows)), **numbered("possible_duplicate", rows)}


def numbered(noun: str, rows: Iterable[Mapping[str, str | None]]) -> dict[str, str | None]:
    """Return the fields of several rows. Each name has the noun and a number: `ticket_1_number`."""
    return {
        f"{noun}_{position}_{name}": text
        for position, row in enumerate(rows, start=1)
        for name, text in row.items()
    }
