"""What the people of the service desk do with tickets."""

from __future__ import annotations

from flask import Blueprint, Response, request

from ..api import operations, request_schemas
from .tickets import load, tagged

blueprint = Blueprint("work", __name__)


@blueprint.patch("/tickets/<ticket_id>")
def update_ticket(ticket_id: str) -> Response:
    """Change a ticket's status, priority or assignee, and say something, in one write."""
    # `If-Match: *` says that the sender has seen any version, which is to say none.
    told = "If-Match" in request.headers and not request.if_match.star_tag
    seen = request.if_match.as_set() if told else None
    return tagged(*operations.update_ticket(ticket_id, load(request_schemas.TicketChange), seen))
