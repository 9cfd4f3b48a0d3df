"""Routes of the four operations of a first-line service desk."""

from __future__ import annotations

from typing import TypeVar

from flask import Blueprint, Response, g, jsonify, request

from ..api import caller_binding, operations, parsing, request_schemas, response_schemas

T = TypeVar(
    "T", request_schemas.NewTicket, request_schemas.NewComment, request_schemas.TicketChange
)

blueprint = Blueprint("tickets", __name__)


@blueprint.post("/tickets")
def create_ticket() -> tuple[Response, int, dict[str, str]]:
    """Create a ticket for a caller."""
    created, replayed = operations.create_ticket(load_body(request_schemas.NewTicket))
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
    """List a caller's newest tickets. For the desk, list the queue if no caller is given."""
    query = parsing.load_query(request_schemas.TicketQuery, request.query_string)
    if query.status and query.caller is None and caller_binding.may_see_all():
        queue = parsing.load_query(request_schemas.QueueQuery, request.query_string)
        return jsonify(operations.list_queue(queue))
    return jsonify(operations.list_recent_tickets(query))


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
