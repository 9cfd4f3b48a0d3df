"""The ticket operations as clients call them, from the parsed request to the response.

The routes, the MCP tools and the desk's pages call these functions. Each function, except
`list_queue`, binds the request to its caller, and raises `CallerMismatch` if the request names
another caller. Each function also raises the errors of the ticket operation that it calls.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from flask import g
from msgspec import UNSET

from ..storage.models import Ticket
from ..tickets import callers, comment, create, get, lists, numbers, update
from . import caller_binding, parsing, request_schemas, response_schemas

# Callers with a withheld number cannot be told apart, so none may see another's list.
WITHHELD_LIST = (
    "The caller's number is withheld, so their tickets cannot be listed. Ask the caller for a"
    " ticket number and get that ticket."
)
CHANGEABLE_FIELDS = ("status", "priority", "assignee")


def create_ticket(
    new: request_schemas.NewTicket,
) -> tuple[response_schemas.TicketCreated, bool]:
    """Create a ticket. Return the response, and whether the response is a replay."""
    caller_id = caller_binding.bind("caller_id", new.caller_id)
    if caller_id is None:
        raise parsing.missing(request_schemas.NewTicket, "caller_id")
    ticket, replayed = create.create_ticket(caller_id, new.issue_description, new.idempotency_key)
    # A replay repeats the first response, and adds what the client must know before it goes on.
    values = _values(ticket) | {"status": "open"}
    if ticket.status == "closed":
        values["current_status"] = ticket.status
    return response_schemas.dump(response_schemas.TicketCreated, values), replayed


def get_ticket_status(
    reference: str, query: request_schemas.OneTicketQuery
) -> tuple[response_schemas.Ticket, str]:
    """Get the ticket with this ID or number. Return the response, and the ticket's version."""
    caller_id = caller_binding.bind("caller", query.caller)
    ticket = get.get_ticket(reference, caller_id)
    with_history = isinstance(query, request_schemas.DeskTicketQuery) and query.history == "all"
    return _response(ticket, query.comments, with_history), ticket.version


def add_ticket_comment(
    reference: str, new: request_schemas.NewComment
) -> tuple[response_schemas.CommentAdded, bool]:
    """Add a caller's comment. Return the response, and whether the response is a replay."""
    caller_id = caller_binding.bind("caller", new.caller)
    added, replayed = comment.add_comment(
        reference, new.comment, new.idempotency_key, caller_id, g.key.name
    )
    response = response_schemas.CommentAdded(True, added["added_at"], added["comment_id"])
    return response, replayed


def list_recent_tickets(
    query: request_schemas.TicketQuery, max_bytes: int | None = None
) -> response_schemas.TicketList:
    """List a caller's newest tickets. For `max_bytes`, see `lists.list_recent_tickets`."""
    caller_id = caller_binding.bind("caller", query.caller)
    if caller_id is None:
        raise parsing.missing(request_schemas.TicketQuery, "caller")
    if callers.is_withheld(caller_id) and not caller_binding.may_see_all():
        return response_schemas.TicketList([], note=WITHHELD_LIST)
    page, cursor = lists.list_recent_tickets(
        caller_id, query.status, query.limit, query.cursor, max_bytes
    )
    return response_schemas.TicketList([_response(each, query.comments) for each in page], cursor)


def update_ticket(
    reference: str,
    change: request_schemas.TicketChange,
    seen_versions: Collection[str] | None,
    accepts_comments: bool = False,
) -> tuple[response_schemas.Ticket, str]:
    """Change a ticket. Return the response, and the ticket's new version.

    `seen_versions` are the versions of the ticket that the client accepts. None means any version.
    With `accepts_comments`, later comments of the caller do not matter.
    """
    fields = {name: getattr(change, name) for name in CHANGEABLE_FIELDS}
    ticket = update.update_ticket(
        reference,
        {name: value for name, value in fields.items() if value is not UNSET},
        change.comment,
        by=g.key.name,
        idempotency_key=change.idempotency_key,
        seen_versions=seen_versions,
        accepts_comments=accepts_comments,
        caller_id=caller_binding.bind("caller", None),
    )
    return _response(ticket, "all"), ticket.version


def list_queue(query: request_schemas.QueueQuery) -> response_schemas.Queue:
    """List the tickets of all callers, by status."""
    page, cursor = lists.list_queue(
        query.status,
        query.priority,
        query.assignee,
        query.order == "newest",
        query.limit,
        query.cursor,
    )
    tickets = [response_schemas.dump(response_schemas.QueuedTicket, _values(each)) for each in page]
    return response_schemas.Queue(tickets, cursor)


def _response(ticket: Ticket, comments: str, with_history: bool = False) -> response_schemas.Ticket:
    values = _values(ticket)
    if comments != "all":
        values["comments"] = ticket.comments[-1:] if comments == "latest" else []
    if with_history:
        values["history"] = ticket.history or []
        return response_schemas.dump(response_schemas.DeskTicket, values)
    return response_schemas.dump(response_schemas.Ticket, values)


def _values(ticket: Ticket) -> dict[str, Any]:
    number = ticket.ticket_number
    return {**ticket.attribute_values, "spoken_number": number and numbers.spoken(number)}
