"""A caller's open tickets that can be about the same problem as a new ticket."""

from __future__ import annotations

from ..storage import queries
from ..storage.models import Ticket
from . import callers, lifecycle
from .similarity import THRESHOLD, similarity, trigrams

MAX_DUPLICATES = 3
# How many of the caller's newest tickets are compared.
TICKETS_READ = 25


def find(ticket: Ticket) -> list[Ticket]:
    """Return the caller's open tickets with a similar description, the most similar first.

    Callers with a withheld number cannot be told apart, so none of their tickets is returned.

    Raises:
        StorageUnavailable: DynamoDB failed.
    """
    if callers.is_withheld(ticket.caller_id):
        return []
    new = trigrams(ticket.issue_description)
    similar = [
        (similarity(new, trigrams(each.issue_description)), each)
        for each in queries.newest_of_caller(ticket.caller_id, TICKETS_READ)
        # A merged ticket is closed.
        if each.status in lifecycle.ACTIVE
        and each.ticket_id != ticket.ticket_id
        and not each.is_expired
    ]
    # The sort is stable: of two tickets that are equally similar, the newer one comes first.
    similar.sort(key=lambda each: each[0], reverse=True)
    return [each for degree, each in similar if degree >= THRESHOLD][:MAX_DUPLICATES]
