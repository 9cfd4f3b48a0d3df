"""The lifecycle of a ticket: which status can follow which, and checks before a change."""

from __future__ import annotations

from ..storage.models import Ticket
from .errors import CallerErased, InvalidTransition, TicketClosed, TicketMerged

# Each status, and the statuses to which the desk can change it. A caller's comment also changes the
# status, from `resolved` to `in_progress`.
TRANSITIONS = {
    "open": ("in_progress", "resolved", "closed"),
    "in_progress": ("resolved", "closed"),
    "resolved": ("in_progress", "closed"),
    "closed": (),
}
ACTIVE = ("open", "in_progress")
DONE = ("resolved", "closed")


def next_statuses(status: str) -> tuple[str, ...]:
    """Return the statuses that can follow this status. An unknown status counts as `open`."""
    # Another release of this app can have stored a status that this release does not know.
    return TRANSITIONS.get(status, TRANSITIONS["open"])


def require_transition(ticket: Ticket, status: str | None) -> None:
    """Check that the ticket has this status or can change to it.

    Args:
        ticket: The ticket.
        status: The requested status. None means that the request does not set the status.

    Raises:
        InvalidTransition: The ticket cannot change to this status.
    """
    allowed = next_statuses(ticket.status)
    if status not in (None, ticket.status, *allowed):
        raise InvalidTransition(ticket.status, ", ".join(allowed) or "none")


def require_open(ticket: Ticket) -> None:
    """Check that the ticket is not closed. Raise `TicketClosed` or `TicketMerged` if it is."""
    if ticket.status == "closed":
        if ticket.duplicate_of is not None:
            raise TicketMerged(ticket.duplicate_of)
        raise TicketClosed


def require_caller(ticket: Ticket) -> None:
    """Check that the caller's data was not erased. Raise `CallerErased` if it was."""
    if ticket.erased_at is not None:
        raise CallerErased
