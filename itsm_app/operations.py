"""The four operations, from what a client sent to the answer: as routes and tools alike have them.

Besides what `service_desk` raises, each raises `CallerMismatch` and `InvalidField`.
"""

from __future__ import annotations

from . import callers, loading, schemas, service_desk
from .models import Ticket


def create_ticket(new: schemas.NewTicket) -> tuple[schemas.TicketCreated, bool]:
    """File a ticket; return the answer, and whether it is a repeat."""
    caller_id = callers.bind("caller_id", new.caller_id)
    if caller_id is None:
        raise loading.missing(schemas.NewTicket, "caller_id")
    ticket, replayed = service_desk.create_ticket(
        caller_id, new.issue_description, new.idempotency_key
    )
    return schemas.dump(schemas.TicketCreated, ticket), replayed


def get_ticket_status(reference: str, query: schemas.OneTicketQuery) -> schemas.Ticket:
    """Show the ticket with this id or number."""
    caller_id = callers.bind("caller", query.caller)
    return _shown(service_desk.get_ticket(reference, caller_id), query.comments)


def add_ticket_comment(
    reference: str, new: schemas.NewComment
) -> tuple[schemas.CommentAdded, bool]:
    """Add a comment to the ticket with this id or number; return as `create_ticket` does."""
    caller_id = callers.bind("caller", new.caller)
    comment, replayed = service_desk.add_comment(
        reference, new.comment, new.idempotency_key, caller_id
    )
    return schemas.CommentAdded(True, comment["added_at"], comment["comment_id"]), replayed


def list_recent_tickets(
    query: schemas.TicketQuery, max_bytes: int | None = None
) -> schemas.TicketList:
    """List a caller's newest tickets, in a page as long as `service_desk` says."""
    caller_id = callers.bind("caller", query.caller)
    if caller_id is None:
        raise loading.missing(schemas.TicketQuery, "caller")
    page, cursor = service_desk.list_recent_tickets(
        caller_id, query.status, query.limit, query.cursor, max_bytes
    )
    return schemas.TicketList([_shown(each, query.comments) for each in page], cursor)


def _shown(ticket: Ticket, comments: str) -> schemas.Ticket:
    if comments != "all":
        ticket.comments = ticket.comments[-1:] if comments == "latest" else []
    return schemas.dump(schemas.Ticket, ticket)
