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
from . import caller_binding, parsing, request_schemas, response_schemas, response_sizes

CLOSED_REPLAY = (
    "This idempotency_key created this ticket earlier, and the ticket is closed now. If the problem"
    " is new or is back, create a new ticket with a new idempotency_key."
)
# Callers with a withheld number cannot be told apart, so none may see another's list.
WITHHELD_LIST = (
    "The caller's number is withheld, so their tickets cannot be listed. Ask the caller for a"
    " ticket number and get that ticket."
)


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
        values |= {"current_status": ticket.status, "note": CLOSED_REPLAY}
    return response_schemas.dump(response_schemas.TicketCreated, values), replayed


def get_ticket_status(
    reference: str, query: request_schemas.OneTicketQuery, max_bytes: int | None = None
) -> tuple[response_schemas.Ticket, str]:
    """Get the ticket with this ID or number. Return the response, and the ticket's version.

    If the response would have more than `max_bytes`, the oldest comments are left out.
    """
    caller_id = caller_binding.bind("caller", query.caller)
    ticket = get.get_ticket(reference, caller_id)
    with_history = isinstance(query, request_schemas.DeskTicketQuery) and query.history == "all"
    return _response(ticket, query.comments, with_history, max_bytes), ticket.version


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
    """List a caller's newest tickets.

    A response of more than `max_bytes` is split into several pages. If one ticket is larger, its
    oldest comments are left out.
    """
    caller_id = caller_binding.bind("caller", query.caller)
    if caller_id is None:
        raise parsing.missing(request_schemas.TicketQuery, "caller")
    if callers.is_withheld(caller_id) and not caller_binding.may_see_all():
        return response_schemas.TicketList([], note=WITHHELD_LIST)
    arguments = (caller_id, query.status, query.limit, query.cursor)
    if max_bytes is None:
        page, cursor = lists.list_recent_tickets(*arguments)
        tickets = [_response(each, query.comments) for each in page]
        return response_schemas.TicketList(tickets, cursor)
    room = max_bytes - response_sizes.PAGE_BYTES
    responses: dict[str, response_schemas.Ticket] = {}

    def bytes_of(ticket: Ticket) -> int:
        response = _response(ticket, query.comments, max_bytes=room)
        responses[ticket.ticket_id] = response
        return response_sizes.in_json(response) + len(",")

    page, cursor = lists.list_recent_tickets(*arguments, room, bytes_of)
    return response_schemas.TicketList([responses[each.ticket_id] for each in page], cursor)


def update_ticket(
    reference: str,
    change: request_schemas.TicketChange,
    seen_versions: Collection[str] | None,
    seen_comments: int | None = None,
) -> tuple[response_schemas.Ticket, str]:
    """Change a ticket. Return the response, and the ticket's new version.

    `seen_versions` are the versions of the ticket that the client accepts. None means any version.
    `seen_comments` is how many comments of the caller the client has seen. If it is given, later
    comments of the caller do not matter.
    """
    fields: dict[str, str | None] = {}
    if change.status is not None:
        fields["status"] = change.status
    if change.priority is not None:
        fields["priority"] = change.priority
    if change.assignee is not UNSET:
        fields["assignee"] = change.assignee
    ticket = update.update_ticket(
        reference,
        fields,
        change.comment,
        by=g.key.name,
        idempotency_key=change.idempotency_key,
        seen_versions=seen_versions,
        seen_comments=seen_comments,
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


def _response(
    ticket: Ticket, comments: str, with_history: bool = False, max_bytes: int | None = None
) -> response_schemas.Ticket:
    values = _values(ticket)
    if comments != "all":
        values["comments"] = ticket.comments[-1:] if comments == "latest" else []
    if with_history:
        values["history"] = ticket.history or []
        return response_schemas.dump(response_schemas.DeskTicket, values)
    response = response_schemas.dump(response_schemas.Ticket, values)
    if max_bytes is None:
        return response
    return response_sizes.omit_comments(response, len(ticket.comments), max_bytes)


def _values(ticket: Ticket) -> dict[str, Any]:
    number = ticket.ticket_number
    return {**ticket.attribute_values, "spoken_number": number and numbers.spoken(number)}
