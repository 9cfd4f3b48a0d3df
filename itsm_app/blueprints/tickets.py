"""The four operations of a first-line service desk."""

from __future__ import annotations

from typing import TypeVar

from flask import Blueprint, Response, jsonify, request

from .. import loading, operations, schemas

T = TypeVar("T", schemas.NewTicket, schemas.NewComment)

tickets = Blueprint("tickets", __name__)


@tickets.post("/tickets")
def create_ticket() -> tuple[Response, int, dict[str, str]]:
    """File a ticket for a caller."""
    created, replayed = operations.create_ticket(_load(schemas.NewTicket))
    # Not by `url_for`, which is 3 % of this request's CPU.
    location = f"{request.script_root}/tickets/{created.ticket_id}"
    return jsonify(created), 201, {"Location": location, **_replayed(replayed)}


@tickets.get("/tickets/", defaults={"ticket_id": ""})
@tickets.get("/tickets/<ticket_id>")
def get_ticket_status(ticket_id: str) -> Response:
    """Show a ticket with its comments."""
    query = loading.load_query(schemas.OneTicketQuery, request.query_string)
    response = jsonify(operations.get_ticket_status(ticket_id, query))
    # Of the whole answer, so that it changes with all that a client sees, and with nothing else.
    response.add_etag()
    if "If-None-Match" in request.headers:
        response.make_conditional(request)
    return response


@tickets.post("/tickets//comments", defaults={"ticket_id": ""})
@tickets.post("/tickets/<ticket_id>/comments")
def add_ticket_comment(ticket_id: str) -> tuple[Response, dict[str, str]]:
    """Add what the caller said to a ticket."""
    added, replayed = operations.add_ticket_comment(ticket_id, _load(schemas.NewComment))
    return jsonify(added), _replayed(replayed)


@tickets.get("/tickets")
def list_recent_tickets() -> Response:
    """List a caller's newest tickets."""
    query = loading.load_query(schemas.TicketQuery, request.query_string)
    return jsonify(operations.list_recent_tickets(query))


def _load(schema: type[T]) -> T:
    new = loading.load_body(schema, request.get_data())
    header = request.headers.get("Idempotency-Key")
    new.idempotency_key = loading.load_key(new.idempotency_key, header)
    return new


def _replayed(replayed: bool) -> dict[str, str]:
    return {"Idempotency-Replayed": "true"} if replayed else {}
