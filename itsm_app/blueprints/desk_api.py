"""The route that changes tickets. It needs a key of the role `desk`."""

from __future__ import annotations

from flask import Blueprint, Response, request

from ..api import operations, request_schemas
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
