"""Routes of the four operations of a first-line service desk."""

from __future__ import annotations

from typing import TypeVar

from flask import Blueprint, Response, g, jsonify, request

from ..api import caller_binding, operations, parsing, request_schemas, response_schemas

T = TypeVar(
    "T",
    request_schemas.NewTicket,
    request_schemas.DeskNewTicket,
    request_schemas.NewComment,
    request_schemas.TicketChange,
)

blueprint = Blueprint("tickets", __name__)


@blueprint.post("/tickets")
def create_ticket() -> tuple[Response, int, dict[str, str]]:
    """Create a ticket for a caller."""
    schema = (
        request_schemas.DeskNewTicket if caller_binding.may_see_all() else request_schemas.NewTicket
    )
    created, replayed = operations.create_ticket(load_body(schema))
    # `url_for` would take 3 % of this request's CPU.
    location = f"{request.script_root}/tickets/{created.ticket_id}"
    return jsonify(created), 201, {"Location": location, **_replay_header(replayed)}


@blueprint.get("/tickets/", defaults={"ticket_id": ""})
@blueprint.get("/tickets/<ticket_id>")
def get_ticket_status(ticket_id: str) -> Response:
    """Return a ticket with its comments."""
    schema = (
        request_schemas.DeskTicketQuery if g.key.role == "desk" else request_schemas.OneTicketQuery
    )
    query = parsing.load_query(schema, request.query_string)
    return ticket_response(*operations.get_ticket_status(ticket_id, query))


@blueprint.post("/tickets//comments", defaults={"ticket_id": ""})
@blueprint.post("/tickets/<ticket_id>/comments")
def add_ticket_comment(ticket_id: str) -> tuple[Response, dict[str, str]]:
    """Add a caller's comment to a ticket."""
    new = load_body(request_schemas.NewComment)
    added, replayed = operations.add_ticket_comment(ticket_id, new)
    return jsonify(added), _replay_header(replayed)


@blueprint.get("/tickets")
def list_recent_tickets() -> Response:
    """List a caller's newest tickets. The desk can also list the queue, and search."""
    if not caller_binding.may_see_all():
        query = parsing.load_query(request_schemas.TicketQuery, request.query_string)
        return jsonify(operations.list_recent_tickets(query))
    return _list_for_desk()


def _list_for_desk() -> Response:
    query = parsing.load_query(request_schemas.DeskListQuery, request.query_string)
    if query.q is not None:
        g.operation = "search_tickets"
        search = parsing.load_query(request_schemas.SearchQuery, request.query_string)
        return jsonify(operations.search_tickets(search))
    if query.caller is not None or not (query.status or query.handover):
        return jsonify(operations.list_recent_tickets(query))
    if query.handover:
        handovers = parsing.load_query(request_schemas.HandoverQuery, request.query_string)
        return jsonify(operations.list_handovers(handovers))
    queue = parsing.load_query(request_schemas.QueueQuery, request.query_string)
    return jsonify(operations.list_queue(queue))


def load_body(schema: type[T]) -> T:
    """Return the parsed body, with the idempotency key of the body or of the header.

    Raises:
        BodyTooLarge, InvalidBody, InvalidField: As `parsing.load_body` and `parsing.load_key`.
    """
    body = parsing.load_body(schema, request.get_data())
    header = request.headers.get("Idempotency-Key")
    body.idempotency_key = parsing.load_key(body.idempotency_key, header)
    return body


def ticket_response(ticket: response_schemas.Ticket, version: str) -> Response:
    """Return a ticket with its version as ETag, or a 304 if the client has this version."""
    response = jsonify(ticket)
    response.set_etag(version)
    response.make_conditional(request)
    return response


def _replay_header(replayed: bool) -> dict[str, str]:
    return {"Idempotency-Replayed": "true"} if replayed else {}
