"""The four operations of a first-line service desk."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from .. import schemas, service_desk, ticket_numbers

tickets = Blueprint("tickets", __name__)


@tickets.post("/tickets")
def create_ticket() -> tuple[Response, int, dict[str, str]]:
    """File a ticket for a caller."""
    new = schemas.load_body(schemas.NewTicket, request.get_data())
    key = schemas.one_key(new.idempotency_key, request.headers.get("Idempotency-Key"))
    ticket, replayed = service_desk.create_ticket(new.caller_id, new.issue_description, key)
    # Not by `url_for`, which is 3 % of this request's CPU.
    location = f"{request.script_root}/tickets/{ticket.ticket_id}"
    headers = {"Location": location, **_replayed(replayed)}
    return jsonify(schemas.dump(schemas.TicketCreated, ticket)), 201, headers


@tickets.get("/tickets/", defaults={"ticket_id": ""})
@tickets.get("/tickets/<ticket_id>")
def get_ticket_status(ticket_id: str) -> Response:
    """Show a ticket with its comments."""
    ticket = service_desk.get_ticket(ticket_numbers.to_ticket_id(ticket_id))
    response = jsonify(schemas.dump(schemas.Ticket, ticket))
    # Of the whole answer, so that it changes with all that a client sees, and with nothing else.
    response.add_etag()
    if "If-None-Match" in request.headers:
        response.make_conditional(request)
    return response


@tickets.post("/tickets//comments", defaults={"ticket_id": ""})
@tickets.post("/tickets/<ticket_id>/comments")
def add_ticket_comment(ticket_id: str) -> tuple[Response, dict[str, str]]:
    """Add what the caller said to a ticket."""
    new = schemas.load_body(schemas.NewComment, request.get_data())
    key = schemas.one_key(new.idempotency_key, request.headers.get("Idempotency-Key"))
    ticket_id = ticket_numbers.to_ticket_id(ticket_id)
    comment, replayed = service_desk.add_comment(ticket_id, new.comment, key)
    added = schemas.CommentAdded(True, comment["added_at"], comment["comment_id"])
    return jsonify(added), _replayed(replayed)


@tickets.get("/tickets")
def list_recent_tickets() -> Response:
    """List a caller's newest tickets."""
    query = schemas.load_query(schemas.TicketQuery, request.query_string)
    page, cursor = service_desk.list_recent_tickets(query.caller, query.limit, query.cursor)
    shown = [schemas.dump(schemas.Ticket, each) for each in page]
    return jsonify(schemas.TicketList(shown, cursor))


def _replayed(replayed: bool) -> dict[str, str]:
    return {"Idempotency-Replayed": "true"} if replayed else {}
