"""Where the desk's lists show a ticket: its queue, and its position there.

`QueueIndex` sorts each queue by position, and `StatusQueueIndex` the tickets of each status.
Positions are texts. The smallest position comes first: waiting hand-overs, the longest wait first,
then the tickets that are in progress or open, by priority and age, then the other tickets, the
newest first.
"""

from __future__ import annotations

from typing import Any

from ..storage import items, queries
from ..storage.models import DEFAULT_PRIORITY, Ticket
from ..storage.updates import Update
from .lifecycle import ACTIVE, DONE

# What every ticket has, and other items do not have.
PLACED_BY = {"status", "created_at"}
# The queue of the tickets that wait for a person, and the queue of the tickets without an assignee.
WAITING = "waiting"
UNASSIGNED = "unassigned"
HANDOVER_RANK = "0"
PRIORITY_RANKS = {"urgent": "1", "high": "2", "normal": "3", "low": "4"}
DONE_RANK = "5"
# Sorts times backwards.
COMPLEMENT = str.maketrans("0123456789", "9876543210")


def queue_of(assignee: str) -> str:
    """Return the queue of an assignee's tickets."""
    return f"assignee {assignee}"


def set_place(ticket: Ticket) -> None:
    """Set the queue and the position of a new ticket."""
    ticket.queue, ticket.queue_position = _place(ticket.attribute_values)


def correct_active_tickets() -> int:
    """Correct the places of the open tickets and the tickets in progress. Return how many.

    Releases up to 0.1 neither store nor change places.
    """
    return sum(
        _correct(ticket)
        for status in ACTIVE
        for ticket in queries.query("StatusIndex", status, newest_first=False)
    )


def correct_done_tickets() -> int:
    """Correct the places of the tickets that are still listed as active. Return how many.

    A resolved or closed ticket without a place gets a place when it changes.
    """
    return sum(
        _correct(ticket)
        for status in DONE
        for rank in PRIORITY_RANKS.values()
        for ticket in queries.query(
            "StatusQueueIndex", status, prefix=f"{rank} ", newest_first=False
        )
    )


def _correct(found: Ticket) -> bool:
    # An index can be older than the table, and does not have all fields.
    ticket = items.read(found.ticket_id)
    if ticket is None:
        return False
    place = _place(ticket.attribute_values)
    return place != (ticket.queue, ticket.queue_position) and items.store_place(ticket, *place)


def with_place(item: items.Item) -> items.Item:
    """Return a stored item with its place, unless the item has a place or is no ticket."""
    if "queue_position" in item or not item.keys() >= PLACED_BY:
        return item
    fields = {name: value["S"] for name, value in item.items() if "S" in value}
    place = zip(("queue", "queue_position"), _place(fields), strict=True)
    return {**item, **{name: {"S": text} for name, text in place if text is not None}}


def move(update: Update, ticket: Ticket, **changes: str | None) -> None:
    """Add the queue and the position after a change to its update.

    Require that nobody moves the ticket meanwhile. If the place changes, also require that each
    field on which the place depends still has the value that was read. Such a field can change
    without moving the ticket: a resolved or waiting ticket keeps its place if its priority changes.

    Args:
        update: The update of the change.
        ticket: The ticket as it was read.
        changes: The new values of the changed fields. None means no value.
    """
    place = _place({**ticket.attribute_values, **changes})
    if place != (ticket.queue, ticket.queue_position):
        for field in ("status", "assignee", "handover_since"):
            update.require(field, getattr(ticket, field))
        # A ticket without a stored priority has the default priority.
        is_default = ticket.priority == DEFAULT_PRIORITY
        update.require("priority", ticket.priority, *([None] if is_default else []))
    for field, before, after in zip(
        ("queue", "queue_position"), (ticket.queue, ticket.queue_position), place, strict=True
    ):
        update.require(field, before)
        if after != before:
            update.set(field, after)


def _place(fields: dict[str, Any]) -> tuple[str | None, str]:
    is_active = fields.get("status") in ACTIVE
    assignee, waits_since = fields.get("assignee"), fields.get("handover_since")
    if waits_since:
        return WAITING, f"{HANDOVER_RANK} {waits_since}"
    queue = queue_of(assignee) if assignee else UNASSIGNED if is_active else None
    created_at = str(fields["created_at"])
    if not is_active:
        return queue, f"{DONE_RANK} {created_at.translate(COMPLEMENT)}"
    # An imported ticket can have a priority of another system.
    rank = PRIORITY_RANKS.get(fields.get("priority", ""), PRIORITY_RANKS[DEFAULT_PRIORITY])
    return queue, f"{rank} {created_at}"
