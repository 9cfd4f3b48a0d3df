"""The operations, from what a client sent to the answer: as routes, tools and pages have them.

Besides what `service_desk` and `lists` raise, each raises `CallerMismatch` and `InvalidField`.
"""

from __future__ import annotations

from collections.abc import Collection

from flask import g
from msgspec import UNSET

from ..storage.models import Comment, Ticket
from ..tickets import comments, lifecycle, lists, numbers, service_desk
from . import caller_binding, parsing, schemas


def create_ticket(new: schemas.NewTicket) -> tuple[schemas.TicketCreated, bool]:
    """File a ticket; return the answer, and whether it is a repeat."""
    caller_id = caller_binding.bind("caller_id", new.caller_id)
    if caller_id is None:
        raise parsing.missing(schemas.NewTicket, "caller_id")
    ticket, replayed = service_desk.create_ticket(
        caller_id, new.issue_description, new.idempotency_key
    )
    return schemas.dump(schemas.TicketCreated, ticket.fields()), replayed


def get_ticket_status(reference: str, query: schemas.OneTicketQuery) -> tuple[schemas.Ticket, str]:
    """Show the ticket with this id or number; return the answer, and its version."""
    caller_id = caller_binding.bind("caller", query.caller)
    ticket = service_desk.get_ticket(reference, caller_id)
    with_history = isinstance(query, schemas.DeskTicketQuery) and query.history == "all"
    return _shown(ticket, query.comments, with_history), lifecycle.etag(ticket)


def add_ticket_comment(
    reference: str, new: schemas.NewComment
) -> tuple[schemas.CommentAdded, bool]:
    """Add a comment to the ticket with this id or number; return as `create_ticket` does."""
    caller_id = caller_binding.bind("caller", new.caller)
    comment, replayed = service_desk.add_comment(
        reference, new.comment, new.idempotency_key, caller_id, g.key.name
    )
    return schemas.CommentAdded(True, comment["added_at"], comment["comment_id"]), replayed


def list_recent_tickets(
    query: schemas.TicketQuery, max_bytes: int | None = None
) -> schemas.TicketList:
    """List a caller's newest tickets, in a page as long as `lists` says."""
    caller_id = caller_binding.bind("caller", query.caller)
    if caller_id is None:
        raise parsing.missing(schemas.TicketQuery, "caller")
    page, cursor = lists.list_recent_tickets(
        caller_id, query.status, query.limit, query.cursor, max_bytes
    )
    return schemas.TicketList([_shown(each, query.comments) for each in page], cursor)


def update_ticket(
    reference: str, wanted: schemas.TicketChange, seen: Collection[str] | None
) -> tuple[schemas.Ticket, str]:
    """Change the ticket with this id or number; return as `get_ticket_status` does.

    `seen` are the versions of it that the client acts on, if it says so.
    """
    now = lifecycle.now()
    ticket_id = numbers.to_ticket_id(reference)
    change_id = comments.new_id(ticket_id, wanted.idempotency_key, comments.CHANGES)
    fields = {name: getattr(wanted, name) for name in ("status", "priority", "assignee")}
    fields = {name: value for name, value in fields.items() if value is not UNSET}
    asked = lifecycle.mark(fields, wanted.comment)
    said: Comment | None = None
    if wanted.comment is not None:
        said = {"comment_text": wanted.comment, "added_at": now, "comment_id": change_id}
        said |= {"author": g.key.name, "asked": asked}
    change = lifecycle.Change(fields, said, g.key.name, now, change_id, asked, seen)
    ticket = service_desk.update_ticket(reference, change, caller_binding.bind("caller", None))
    return _shown(ticket, "all"), lifecycle.etag(ticket)


def list_queue(query: schemas.QueueQuery) -> schemas.Queue:
    """List the tickets of a status."""
    page, cursor = lists.list_queue(
        query.status,
        query.priority,
        query.assignee,
        query.order == "newest",
        query.limit,
        query.cursor,
    )
    shown = [schemas.dump(schemas.QueuedTicket, each.fields()) for each in page]
    return schemas.Queue(shown, cursor)


def _shown(ticket: Ticket, which: str, with_history: bool = False) -> schemas.Ticket:
    fields = ticket.fields()
    if which != "all":
        fields["comments"] = ticket.comments[-1:] if which == "latest" else []
    if with_history:
        return schemas.dump(schemas.DeskTicket, fields | {"history": ticket.history or []})
    return schemas.dump(schemas.Ticket, fields)
