"""What may become of a ticket, and how it is told: states, assignees, history, versions."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, cast

import msgspec

from ..api.errors import (
    AlreadyAssigned,
    CallerErased,
    ChangedMeanwhile,
    IdempotencyKeyReused,
    InvalidTransition,
    TicketClosed,
)
from ..storage.models import Comment, Event, Ticket

# From each status to which others. What a caller says on a resolved ticket reopens it.
TRANSITIONS = {
    "open": ("in_progress", "resolved", "closed"),
    "in_progress": ("resolved", "closed"),
    "resolved": ("in_progress", "closed"),
    "closed": (),
}


def allowed(status: str) -> tuple[str, ...]:
    """Return the statuses that a ticket of this status can have next."""
    # One that we do not know, of another version of this app, leads where `open` does.
    return TRANSITIONS.get(status, TRANSITIONS["open"])


def now() -> str:
    """Return the time as tickets have it."""
    return written(datetime.now(UTC))


def written(moment: datetime) -> str:
    """Return a moment as tickets have it, which sorts as text."""
    utc = moment.astimezone(UTC)
    return utc.isoformat(timespec="microseconds").replace("+00:00", "Z")


def etag(ticket: Ticket) -> str:
    """Return what names this version of a ticket: it changes with every write, and only then."""
    return f"{ticket.revision or 0}.{ticket.updated_at}"


def mark(fields: Mapping[str, str | None], comment_text: str | None) -> str:
    """Return what stands for all that a call asks for: 16 hexadecimal digits."""
    words = msgspec.json.encode([fields, comment_text])
    return hashlib.sha256(words).hexdigest()[:16]


class Change(NamedTuple):
    """What somebody of the desk wants to be done to a ticket, in one write.

    `fields` are status, priority and assignee, those that are to be set, None for no assignee.
    `asked` stands for all of that, to tell a repeat from other words under the same key. `seen` are
    the versions (`etag`) of the ticket that they act on, if they say so.
    """

    fields: Mapping[str, str | None]
    comment: Comment | None
    by: str
    at: str
    change_id: str
    asked: str
    seen: Collection[str] | None


def events(ticket: Ticket, change: Change) -> list[Event]:
    """Return what has to change for the fields to be as wanted."""
    told = {"changed_by": change.by, "changed_at": change.at}
    told |= {"change_id": change.change_id, "asked": change.asked}
    found = []
    for field, value in change.fields.items():
        was = getattr(ticket, field)
        if value != was:
            event = {"field": field, "from": was, "to": value, **told}
            found.append({name: text for name, text in event.items() if text is not None})
    return cast("list[Event]", found)


def reopening(by: str, comment: Comment) -> Event:
    """Return the event that a caller's comment on a resolved ticket is."""
    return {
        "field": "status",
        "from": "resolved",
        "to": "in_progress",
        "changed_by": by,
        "changed_at": comment["added_at"],
        "change_id": comment["comment_id"],
    }


def is_done(ticket: Ticket, change: Change) -> bool:
    """Whether an earlier call did this. Raises `IdempotencyKeyReused` if that was another."""
    for entry in (*ticket.comments, *(ticket.history or ())):
        if change.change_id in (entry.get("comment_id"), entry.get("change_id")):
            if entry.get("asked") != change.asked:
                raise IdempotencyKeyReused
            return True
    return False


def check(ticket: Ticket, change: Change) -> None:
    """Raise what stands against a change: see `service_desk.update_ticket`."""
    if change.seen is not None and etag(ticket) not in change.seen:
        raise ChangedMeanwhile
    next_statuses = allowed(ticket.status)
    status = change.fields.get("status")
    if status not in (None, ticket.status, *next_statuses):
        raise InvalidTransition(ticket.status, " or ".join(next_statuses) or "nothing")
    check_open(ticket)
    if change.comment:
        check_caller(ticket)
    if change.seen is None and "assignee" in change.fields:
        _check_assignee(ticket.assignee, change.fields["assignee"], change.by)


def check_open(ticket: Ticket) -> None:
    """Raise `TicketClosed` for a ticket that nothing becomes of any more."""
    if ticket.status == "closed":
        raise TicketClosed


def check_caller(ticket: Ticket) -> None:
    """Raise `CallerErased` for a ticket that nothing is said on any more."""
    if ticket.erased_at is not None:
        raise CallerErased


def _check_assignee(was: str | None, wanted: str | None, by: str) -> None:
    if was not in (None, wanted, by):
        raise AlreadyAssigned(was)
