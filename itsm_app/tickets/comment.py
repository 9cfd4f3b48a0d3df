"""What a service desk does with tickets. Plain functions over the models; no HTTP.

A `reference` to a ticket is its id or its number. Given a `caller_id`, another caller's ticket is
like one that never was. All functions raise `StorageUnavailable` when DynamoDB cannot be asked.
Every write may be repeated, by a client under its idempotency key and by `retry` with the same
words: it is done once.
"""

from __future__ import annotations

from contextlib import suppress

from ..api.errors import IdempotencyKeyReused, StorageUnavailable, TicketNotFound
from ..storage import items
from ..storage.models import Comment, Event, Ticket
from ..storage.updates import Update
from . import comments, lifecycle, limits, numbers
from .lifecycle import Change

# How often a write is tried on a ticket that turns out to be another than expected: resolved, or
# from before there were counts, or just written by somebody else.
ATTEMPTS = 3


def create_ticket(
    caller_id: str, issue_description: str, idempotency_key: str | None = None
) -> tuple[Ticket, bool]:
    """File a ticket; return it as it was filed, and whether an earlier call did that.

    Raises `IdempotencyKeyReused` when the caller's earlier call had other words.
    """
    now = lifecycle.now()
    for number in numbers.candidates(caller_id, idempotency_key):
        ticket = Ticket(
            ticket_id=numbers.ticket_id(number),
            ticket_number=numbers.written(number),
            caller_id=caller_id,
            issue_description=issue_description,
            created_at=now,
            updated_at=now,
            idempotency_key=idempotency_key,
        )
        if items.put_new(ticket):
            return ticket, False
        found = get_ticket(ticket.ticket_id)
        if _is_of_one_call(found, ticket):
            return _as_filed(found, issue_description), found.created_at != now
        # The number is another ticket's.
    raise StorageUnavailable("NumbersTaken", attempts=numbers.CANDIDATES)


def get_ticket(reference: str, caller_id: str | None = None) -> Ticket:
    """Return the ticket as it is now.

    Raises `TicketNotFound`, and what `ticket_numbers.to_ticket_id` raises.
    """
    found = items.find(numbers.to_ticket_id(reference), caller_id)
    if found is None:
        raise TicketNotFound(len(reference))
    return found


def add_comment(
    reference: str,
    comment_text: str,
    idempotency_key: str | None = None,
    caller_id: str | None = None,
    by: str = "",
) -> tuple[Comment, bool]:
    """Append what a caller said to a ticket; return it, and whether an earlier call did that.

    A resolved ticket goes back to in_progress by it; `by` is whose key that was. Raises what
    `get_ticket` does, `TicketClosed`, `CallerErased`, `TicketFull`, and `IdempotencyKeyReused` when
    the earlier call had other words.
    """
    ticket_id = numbers.to_ticket_id(reference)
    comment: Comment = {
        "comment_text": comment_text,
        "added_at": lifecycle.now(),
        "comment_id": comments.new_id(ticket_id, idempotency_key),
    }
    ticket: Ticket | None = None
    for _ in range(ATTEMPTS):
        if items.write(_comment_update(ticket_id, comment, caller_id, by, ticket)):
            return comment, False
        ticket = get_ticket(reference, caller_id)
        if found := comments.said_before(ticket, comment):
            # Of the same moment: our own, whose answer was lost.
            return found, found["added_at"] != comment["added_at"]
        lifecycle.check_open(ticket)
        lifecycle.check_caller(ticket)
    raise StorageUnavailable("Contention", attempts=ATTEMPTS)


def update_ticket(reference: str, change: Change, caller_id: str | None = None) -> Ticket:
    """Do to a ticket what the desk wants, in one write; return it as it is then.

    Raises what `get_ticket` does, `ChangedMeanwhile`, `InvalidTransition`, `AlreadyAssigned`,
    `TicketClosed`, `CallerErased`, `TicketFull`, and `IdempotencyKeyReused` when an earlier call
    under the key said something else.
    """
    for _ in range(ATTEMPTS):
        ticket = get_ticket(reference, caller_id)
        events = lifecycle.events(ticket, change)
        if lifecycle.is_done(ticket, change) or not (events or change.comment):
            return ticket
        lifecycle.check(ticket, change)
        if changed := items.write_and_return(_change_update(ticket, change, events)):
            return changed
    raise StorageUnavailable("Contention", attempts=ATTEMPTS)


def check_storage() -> None:
    """Read as `get_ticket` does, and find nothing: the table is there and may be read."""
    with suppress(TicketNotFound):
        get_ticket("health")


def _is_of_one_call(found: Ticket, ticket: Ticket) -> bool:
    # Under a key, the call was repeated; without one, the answer to this very call was lost.
    same = found.caller_id == ticket.caller_id and found.idempotency_key == ticket.idempotency_key
    return same and (ticket.idempotency_key is not None or found.created_at == ticket.created_at)


def _as_filed(found: Ticket, issue_description: str) -> Ticket:
    if found.issue_description != issue_description:
        raise IdempotencyKeyReused
    # Whatever has become of the ticket since.
    found.status = "open"
    return found


def _comment_update(
    ticket_id: str, comment: Comment, caller_id: str | None, by: str, ticket: Ticket | None
) -> Update:
    update = Update(ticket_id, comment["added_at"])
    update.say(comment)
    if ticket is not None and ticket.status == "resolved":
        update.change([lifecycle.reopening(by, comment)])
    else:
        update.forbid("status", "resolved", "closed")
    if caller_id is not None:
        update.require("caller_id", caller_id)
    update.require_room(limits.COMMENTED_MAX, ticket)
    return update


def _change_update(ticket: Ticket, change: Change, events: list[Event]) -> Update:
    update = Update(ticket.ticket_id, change.at)
    if change.comment:
        update.say(change.comment)
    if events:
        update.change(events)
    if "status" not in [event["field"] for event in events]:
        update.require("status", ticket.status)
    if change.seen is not None:
        update.require_version(ticket)
    closes = change.fields.get("status") == "closed"
    update.require_room(limits.CLOSED_MAX if closes else limits.CHANGED_MAX, ticket)
    return update
