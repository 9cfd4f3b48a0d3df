"""The four operations of a first-line service desk."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request, url_for

from .. import schemas, service_desk

tickets = Blueprint("tickets", __name__)


@tickets.post("/tickets")
def create_ticket() -> tuple[Response, int, dict[str, str]]:
    """File a ticket for a caller."""
    new = schemas.load_body(schemas.NewTicket, request.get_data())
    ticket = service_desk.create_ticket(new.caller_id, new.issue_description)
    location = url_for(".get_ticket_status", ticket_id=ticket.ticket_id)
    return jsonify(schemas.dump(schemas.TicketCreated, ticket)), 201, {"Location": location}


@tickets.get("/tickets/", defaults={"ticket_id": ""})
@tickets.get("/tickets/<ticket_id>")
def get_ticket_status(ticket_id: str) -> Response:
    """Show a ticket with its comments."""
    return jsonify(schemas.dump(schemas.Ticket, service_desk.get_ticket(ticket_id)))


@tickets.post("/tickets//comments", defaults={"ticket_id": ""})
@tickets.post("/tickets/<ticket_id>/comments")
def add_ticket_comment(ticket_id: str) -> Response:
    """Add what the caller said to a ticket."""
    new = schemas.load_body(schemas.NewComment, request.get_data())
    comment = service_desk.add_comment(ticket_id, new.comment)
    return jsonify(schemas.CommentAdded(success=True, updated_at=comment["added_at"]))


@tickets.get("/tickets")
def list_recent_tickets() -> Response:
    """List a caller's newest tickets."""
    query = schemas.load_query(schemas.TicketQuery, request.query_string)
    found = service_desk.list_recent_tickets(query.caller)
    return jsonify(schemas.TicketList([schemas.dump(schemas.Ticket, each) for each in found]))
