"""The four operations of a first-line service desk."""

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
    """File a ticket for a caller."""
    created, replayed = operations.create_ticket(load(request_schemas.NewTicket))
    # Not by `url_for`, which is 3 % of this request's CPU.
    location = f"{request.script_root}/tickets/{created.ticket_id}"
    return jsonify(created), 201, {"Location": location, **_replayed(replayed)}


@blueprint.get("/tickets/", defaults={"ticket_id": ""})
@blueprint.get("/tickets/<ticket_id>")
def get_ticket_status(ticket_id: str) -> Response:
    """Show a ticket with its comments."""
    schema = (
        request_schemas.DeskTicketQuery if g.key.role == "desk" else request_schemas.OneTicketQuery
    )
    query = parsing.load_query(schema, request.query_string)
    return tagged(*operations.get_ticket_status(ticket_id, query))


@blueprint.post("/tickets//comments", defaults={"ticket_id": ""})
@blueprint.post("/tickets/<ticket_id>/comments")
def add_ticket_comment(ticket_id: str) -> tuple[Response, dict[str, str]]:
    """Add what the caller said to a ticket."""
    added, replayed = operations.add_ticket_comment(ticket_id, load(request_schemas.NewComment))
    return jsonify(added), _replayed(replayed)


@blueprint.get("/tickets")
def list_recent_tickets() -> Response:
    """List a caller's newest tickets; to the desk, without a caller, those of a status."""
    query = parsing.load_query(request_schemas.TicketQuery, request.query_string)
    if query.status and query.caller is None and caller_binding.may_see_all():
        queue = parsing.load_query(request_schemas.QueueQuery, request.query_string)
        return jsonify(operations.list_queue(queue))
    return jsonify(operations.list_recent_tickets(query))


def load(schema: type[T]) -> T:
    """Read the body, with the idempotency key that may be in a header. Raises as `loading` does."""
    new = parsing.load_body(schema, request.get_data())
    header = request.headers.get("Idempotency-Key")
    new.idempotency_key = parsing.load_key(new.idempotency_key, header)
    return new


def tagged(answer: response_schemas.Ticket, version: str) -> Response:
    """Return a ticket with its version as its tag, or nothing if the client has that version."""
    response = jsonify(answer)
    response.set_etag(version)
    if "If-None-Match" in request.headers:
        response.make_conditional(request)
    return response


def _replayed(replayed: bool) -> dict[str, str]:
    return {"Idempotency-Replayed": "true"} if replayed else {}
