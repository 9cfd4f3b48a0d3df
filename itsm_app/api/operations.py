"""The ticket operations as clients call them, from the parsed request to the response.

The routes, the MCP tools and the desk's pages call these functions. Each function, except
`list_queue`, `list_handovers` and `search_tickets`, binds the request to its caller, and raises
`CallerMismatch` if the request names another caller. Each function also raises the errors of the
ticket operation that it calls.
"""

from __future__ import annotations

from collections.abc import Collection
from operator import itemgetter
from typing import Any

import msgspec
from flask import g
from msgspec import UNSET

from .. import config
from ..storage.models import Ticket
from ..tickets import callers, comment, create, get, lists, numbers, update
from . import (
    auth,
    caller_binding,
    notices,
    parsing,
    request_schemas,
    response_schemas,
    response_sizes,
)
from .errors import SearchOff

CLOSED_REPLAY = (
    "This idempotency_key created this ticket earlier, and the ticket is closed now. If the problem"
    " is new or is back, create a new ticket with a new idempotency_key."
)
# Callers with a withheld number cannot be told apart, so none may see another's list.
WITHHELD_LIST = (
    "The caller's number is withheld, so their tickets cannot be listed. Ask the caller for a"
    " ticket number and get that ticket."
)
SEARCH_GOES_ON = (
    "No ticket was found so far, but older tickets were not searched yet. Send next_cursor as"
    " cursor to search them."
)
TELL_CALLER = (
    "Tell the caller that a person of the service desk takes over, and that everything said so far"
    " is passed on. If the call cannot be transferred, say that the service desk calls back."
)


def create_ticket(
    new: request_schemas.NewTicket, with_duplicates: bool = False
) -> tuple[response_schemas.TicketCreated, bool]:
    """Create a ticket. Return the response, and whether the response is a replay.

    `with_duplicates` adds the caller's open tickets with a similar description, which takes a
    second DynamoDB request.
    """
    caller_id = caller_binding.bind("caller_id", new.caller_id)
    if caller_id is None:
        raise parsing.missing(request_schemas.NewTicket, "caller_id")
    creator = follow_up_of = None
    if isinstance(new, request_schemas.DeskNewTicket):
        follow_up_of = new.follow_up_of
        # Without keys, nobody is known by name.
        creator = None if g.key is auth.LOCAL else g.key.name
    ticket, replayed = create.create_ticket(
        caller_id,
        new.issue_description,
        new.idempotency_key,
        handover=_handover(new.handover),
        follow_up_of=follow_up_of,
        join_notice=new.join_notice or False,
        by=g.key.name,
        created_by=creator,
        caller_verified=g.caller_verified,
    )
    # A replay repeats the first response, and adds what the client must know before it goes on.
    values = _values(ticket) | {"status": "open", "handover": None, "notice": notices.current()}
    if new.handover is not None:
        values["handover"] = _requested(ticket.handovers[0]["requested_at"])
    if ticket.status == "closed":
        values |= {"current_status": ticket.status, "note": CLOSED_REPLAY}
    response = response_schemas.dump(response_schemas.TicketCreated, values)
    if with_duplicates:
        # Imported here, so that a cold start for the routes does not load it.
        from . import possible_duplicates

        response.possible_duplicates = possible_duplicates.of_ticket(ticket) or None
    return response, replayed


def get_ticket_status(
    reference: str, query: request_schemas.OneTicketQuery, max_bytes: int | None = None
) -> tuple[response_schemas.Ticket, str]:
    """Get the ticket with this ID or number. Return the response, and the ticket's version.

    If the response would have more than `max_bytes`, the oldest comments are left out.
    """
    caller_id = caller_binding.bind("caller", query.caller)
    ticket = get.get_ticket(reference, caller_id)
    with_history = isinstance(query, request_schemas.DeskTicketQuery) and query.history == "all"
    return _response(ticket, query.comments, with_history, max_bytes), _version(ticket)


def add_ticket_comment(
    reference: str, new: request_schemas.NewComment
) -> tuple[response_schemas.CommentAdded, bool]:
    """Add a caller's comment. Return the response, and whether the response is a replay."""
    caller_id = caller_binding.bind("caller", new.caller)
    added, waits_since, replayed = comment.add_comment(
        reference,
        new.comment,
        new.idempotency_key,
        caller_id,
        g.key.name,
        handover=_handover(new.handover),
        caller_verified=g.caller_verified,
    )
    response = response_schemas.CommentAdded(True, added["added_at"], added["comment_id"])
    if new.handover is not None:
        response.handover = _requested(waits_since or added["added_at"])
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
        return response_schemas.TicketList([], note=WITHHELD_LIST, notice=notices.current())
    arguments = (caller_id, query.status, query.limit, query.cursor)
    if max_bytes is None:
        page, cursor = lists.list_recent_tickets(*arguments)
        tickets = [_response(each, query.comments) for each in page]
        return response_schemas.TicketList(tickets, cursor, notice=notices.current())
    notice = notices.current()
    room = max_bytes - response_sizes.PAGE_BYTES
    if notice is not None:
        room -= response_sizes.in_json(notice) + len('"notice":,')
    responses: dict[str, response_schemas.Ticket] = {}

    def bytes_of(ticket: Ticket) -> int:
        response = _response(ticket, query.comments, max_bytes=room)
        responses[ticket.ticket_id] = response
        return response_sizes.in_json(response) + len(",")

    page, cursor = lists.list_recent_tickets(*arguments, room, bytes_of)
    tickets = [responses[each.ticket_id] for each in page]
    return response_schemas.TicketList(tickets, cursor, notice=notice)


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
    is_note = change.comment is not None and change.visibility == "internal"
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
        is_note=is_note,
        duplicate_of=change.duplicate_of,
        idempotency_key=change.idempotency_key,
        seen_versions=seen_versions,
        seen_comments=seen_comments,
        caller_id=caller_binding.bind("caller", None),
    )
    return _response(ticket, "all"), _version(ticket)


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
    return response_schemas.queue(page, cursor)


def list_handovers(query: request_schemas.HandoverQuery) -> response_schemas.Queue:
    """List the tickets that wait for a person. The ticket that waits longest comes first."""
    page, cursor = lists.list_view("waiting", "", None, query.limit, query.cursor)
    return response_schemas.queue(page, cursor)


def search_tickets(query: request_schemas.SearchQuery) -> response_schemas.SearchResults:
    """Search the tickets of all callers, also their internal notes, newest ticket first.

    Raises:
        SearchOff: The service has no search index.
    """
    if not config.uses_search():
        raise SearchOff
    # Imported here, so that a cold start for the four operations does not load it.
    from ..search.query import search

    page = search(query.q, query.limit, query.cursor)
    tickets = [
        response_schemas.found_ticket(each.ticket.attribute_values, each.matches)
        for each in page.results
    ]
    note = SEARCH_GOES_ON if page.cursor and not tickets else None
    return response_schemas.SearchResults(tickets, page.cursor, note)


def _sees_notes() -> bool:
    # Language models call tools on behalf of callers, whatever the role of their key.
    return caller_binding.may_see_all() and "tool" not in g


def _version(ticket: Ticket) -> str:
    return ticket.version if _sees_notes() else ticket.public_version


def _response(
    ticket: Ticket, comments: str, with_history: bool = False, max_bytes: int | None = None
) -> response_schemas.Ticket:
    values = _values(ticket)
    sees_notes = _sees_notes()
    shown = _with_notes(ticket) if sees_notes else ticket.comments
    values["comments"] = {"all": shown, "latest": shown[-1:], "none": []}[comments]
    values["handovers"] = [_with_state(each, ticket) for each in ticket.handovers or ()]
    # Two hand-overs that arrive at the same time can be stored in the other order.
    values["handover"] = max(values["handovers"], key=itemgetter("requested_at"), default=None)
    values["history"] = (ticket.history or []) if with_history else []
    if sees_notes:
        values["duplicates"] = sorted(ticket.duplicates or ())
        values["follow_ups"] = sorted(ticket.follow_ups or ())
        values["children"] = sorted(ticket.children or ())
        return response_schemas.dump(response_schemas.DeskTicket, values)
    if with_history:
        return response_schemas.dump(response_schemas.TicketWithHistory, values)
    response = response_schemas.dump(response_schemas.Ticket, values)
    if max_bytes is None:
        return response
    return response_sizes.omit_comments(response, len(ticket.comments), max_bytes)


def _with_notes(ticket: Ticket) -> list[dict[str, Any]]:
    """Return the comments and the internal notes of a ticket, oldest first."""
    comments = [
        {**each, "visibility": "public"} if "author" in each else each for each in ticket.comments
    ]
    notes = [{**each, "visibility": "internal"} for each in ticket.notes or ()]
    return sorted([*comments, *notes], key=itemgetter("added_at"))


def _with_state(handover: dict[str, Any], ticket: Ticket) -> dict[str, Any]:
    since = ticket.handover_since
    is_waiting = since is not None and handover["requested_at"] >= since
    return {**handover, "status": "waiting" if is_waiting else "taken"}


def _handover(sent: request_schemas.Handover | None) -> dict[str, str] | None:
    return None if sent is None else msgspec.to_builtins(sent)


def _requested(requested_at: str) -> response_schemas.HandoverRequested:
    return response_schemas.HandoverRequested("waiting", requested_at, TELL_CALLER)


def _values(ticket: Ticket) -> dict[str, Any]:
    number = ticket.ticket_number
    return {**ticket.attribute_values, "spoken_number": number and numbers.spoken(number)}
