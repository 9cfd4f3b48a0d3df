"""Merge a duplicate into another ticket of the same caller, the survivor."""

from __future__ import annotations

from ..storage import items, timestamps
from ..storage.models import Ticket
from ..storage.updates import Update
from .errors import InvalidField
from .get import get_ticket

IS_CLOSED = "must be an open ticket, but it is closed"
NEXT_STEP = "Send the number of another ticket of this caller, which is not closed."


def find_survivor(duplicate: Ticket, reference: str, caller_id: str | None = None) -> Ticket:
    """Return the ticket that stays open when `duplicate` is closed.

    Args:
        duplicate: The ticket that is closed.
        reference: The id or the number of the survivor.
        caller_id: The caller that the survivor must belong to, or None for any caller. For a
            request that is bound to a caller, a ticket of another caller does not exist.

    Raises:
        InvalidField: The reference names no ticket with a number, the duplicate itself, a ticket of
            another caller, or a closed ticket. The caller must be able to go on with the survivor.
        MisheardNumber: The same as in `get_ticket`.
        TicketNotFound: No ticket has this reference.
    """
    survivor = get_ticket(reference, caller_id)
    if survivor.ticket_id == duplicate.ticket_id:
        raise InvalidField(
            "duplicate_of", "must be another ticket, but it is this ticket", NEXT_STEP
        )
    if survivor.caller_id != duplicate.caller_id or survivor.ticket_number is None:
        requirement = "must be a ticket of the same caller, but it belongs to another caller"
        raise InvalidField("duplicate_of", requirement, NEXT_STEP)
    is_merged = duplicate.duplicate_of == survivor.ticket_number
    if survivor.status == "closed" and not is_merged:
        raise InvalidField("duplicate_of", IS_CLOSED, NEXT_STEP)
    return survivor


def link(survivor: Ticket, duplicate: Ticket) -> None:
    """Store the number of the duplicate at the survivor.

    Call this before the duplicate is closed: if the closing fails, the client repeats both.

    Raises:
        InvalidField: The survivor was closed or erased since it was read.
    """
    number = duplicate.ticket_number or duplicate.ticket_id
    if number in (survivor.duplicates or ()):
        return
    update = Update(survivor.ticket_id, timestamps.now())
    update.link("duplicates", number)
    update.forbid("status", "closed")
    update.require("caller_id", duplicate.caller_id)
    if not items.write(update):
        raise InvalidField("duplicate_of", IS_CLOSED, NEXT_STEP)
