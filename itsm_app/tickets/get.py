"""Get a ticket."""

from __future__ import annotations

from contextlib import suppress

from ..storage import items
from ..storage.models import Ticket
from . import callers, numbers
from .errors import TicketNotFound


def get_ticket(reference: str, caller_id: str | None = None) -> Ticket:
    """Return a ticket as it is stored now.

    Raises:
        TicketNotFound: No ticket has this reference, or the ticket does not belong to `caller_id`.
        InvalidField: `reference` is empty.
        MisheardNumber: `reference` consists of up to 24 digits and is not a ticket number.
    """
    caller_ids = None if caller_id is None else callers.whose_tickets(caller_id)
    found = items.find(numbers.to_ticket_id(reference), caller_ids)
    if found is None:
        raise TicketNotFound(len(reference))
    return found


def check_storage() -> None:
    """Raise `StorageUnavailable` if the table cannot be read.

    The check reads a ticket that does not exist.
    """
    with suppress(TicketNotFound):
        get_ticket("health")
