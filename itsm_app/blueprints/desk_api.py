"""The routes of the desk: change a ticket, and the notice. They need a key of the role `desk`."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from ..api import notices, operations, parsing, request_schemas
from .tickets import load_body, ticket_response

blueprint = Blueprint("desk_api", __name__)


@blueprint.patch("/tickets/<ticket_id>")
def update_ticket(ticket_id: str) -> Response:
    """Change a ticket's status, priority or assignee and add a comment, in one write."""
    # `If-Match: *` accepts any version, like a request without the header.
    names_versions = "If-Match" in request.headers and not request.if_match.star_tag
    seen_versions = request.if_match.as_set() if names_versions else None
    change = load_body(request_schemas.TicketChange)
    return ticket_response(*operations.update_ticket(ticket_id, change, seen_versions))


@blueprint.get("/notice")
def show_notice() -> Response:
    """Return the notice, and who posted it."""
    return jsonify(notices.show_notice())


@blueprint.put("/notice")
def post_notice() -> Response:
    """Post a notice in place of the present one."""
    new = parsing.load_body(request_schemas.NewNotice, request.get_data())
    return jsonify(notices.post_notice(new))


@blueprint.delete("/notice")
def end_notice() -> Response:
    """End the notice."""
    return jsonify(notices.end_notice())
