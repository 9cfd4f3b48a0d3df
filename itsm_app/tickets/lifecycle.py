"""The lifecycle of a ticket: which status can follow which, and what a ticket still accepts."""

from __future__ import annotations

from ..storage.models import Ticket
from .errors import CallerErased, InvalidTransition, TicketClosed

# The statuses that can follow each status at the desk. A caller's comment on a resolved ticket also
# changes it to `in_progress`.
TRANSITIONS = {
    "open": ("in_progress", "resolved", "closed"),
    "in_progress": ("resolved", "closed"),
    "resolved": ("in_progress", "closed"),
    "closed": (),
}


def next_statuses(status: str) -> tuple[str, ...]:
    """Return the statuses that can follow this one. An unknown status counts as `open`."""
    # Another release of this app may have stored it.
    return TRANSITIONS.get(status, TRANSITIONS["open"])


def require_transition(ticket: Ticket, status: str | None) -> None:
    """Raise `InvalidTransition` if the ticket cannot change to this status. None is no change."""
    allowed = next_statuses(ticket.status)
    if status not in (None, ticket.status, *allowed):
        raise InvalidTransition(ticket.status, ", ".join(allowed) or "none")


def require_open(ticket: Ticket) -> None:
    """Raise `TicketClosed` if the ticket is closed."""
    if ticket.status == "closed":
        raise TicketClosed


def require_caller(ticket: Ticket) -> None:
    """Raise `CallerErased` if the caller's data was erased from the ticket."""
    if ticket.erased_at is not None:
        raise CallerErased
