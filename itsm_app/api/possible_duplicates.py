"""The possible duplicates of a new ticket, for tools and flows. They never make a request fail."""

from __future__ import annotations

import logging
import time

from flask import g

from ..storage.errors import StorageUnavailable
from ..storage.models import Ticket
from ..storage.retry import without_retries
from ..tickets import numbers, possible_duplicates
from .response_schemas import PossibleDuplicate

# Amazon Connect waits 8 s. A Query takes at most 2.1 s, see `storage.connection`, so a Query that
# would begin later than this is left out.
LAST_QUERY_SECONDS = 4.5
MAX_CHARACTERS = 200

_logger = logging.getLogger(__name__)


def of_ticket(ticket: Ticket) -> list[PossibleDuplicate]:
    """Return the possible duplicates. Return none if DynamoDB fails or the time is used up."""
    if time.perf_counter() - g.started > LAST_QUERY_SECONDS:
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
    return PossibleDuplicate(
        ticket_number=number,
        spoken_number=number and numbers.spoken(number),
        status=ticket.status,
        issue_description=f"{text[: MAX_CHARACTERS - 1]}\u2026"
        if len(text) > MAX_CHARACTERS
        else text,
        created_at=ticket.created_at,
    )
