"""The possible duplicates of a new ticket, for tools and flows. They never make a request fail."""

from __future__ import annotations

import logging

from ..storage.errors import StorageUnavailable
from ..storage.models import Ticket
from ..storage.retry import without_retries
from ..tickets import numbers, possible_duplicates
from . import optional_requests
from .response_schemas import PossibleDuplicate

MAX_CHARACTERS = 200

_logger = logging.getLogger(__name__)


def of_ticket(ticket: Ticket) -> list[PossibleDuplicate]:
    """Return the possible duplicates. Return none if DynamoDB fails or time is short."""
    if optional_requests.is_late():
        _logger.warning("duplicates_not_searched", extra={"fields": {"cause": "late"}})
        return []
    try:
        with without_retries():
            found = possible_duplicates.find(ticket)
    except StorageUnavailable as error:
        # The ticket is stored, so the client must get its number.
        _logger.warning("duplicates_not_searched", extra={"fields": {"cause": error.cause}})
        return []
    return [_response(each) for each in found]


def _response(ticket: Ticket) -> PossibleDuplicate:
    number = ticket.ticket_number
    text = " ".join(ticket.issue_description.split())
    if len(text) > MAX_CHARACTERS:
        text = f"{text[: MAX_CHARACTERS - 1]}\u2026"
    return PossibleDuplicate(
        ticket_number=number,
        spoken_number=number and numbers.spoken(number),
        status=ticket.status,
        issue_description=text,
        created_at=ticket.created_at,
    )
