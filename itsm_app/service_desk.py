"""What a service desk does with tickets. Plain functions over the models; no HTTP.

A `reference` to a ticket is its id or its number. Given a `caller_id`, another caller's ticket is
like one that never was. All functions raise `StorageUnavailable` when DynamoDB cannot be asked.
Every write may be repeated, by a client under its idempotency key and by `retry` with the same
words: it is done once.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID, uuid4, uuid5

from . import cursors, storage, ticket_numbers
from .exceptions import (
    IdempotencyKeyReused,
    StorageUnavailable,
    TicketFull,
    TicketNotFound,
)
from .models import Comment, Ticket

# The id of a comment with a key is that of both in this namespace, a UUID of our own.
COMMENT_NAMESPACE = UUID("c0f1f2a5-6c0e-4c39-8f3e-57b1d2e7a9b4")
# How often a comment is tried on a ticket from before there were counts: it finds none, is
# forestalled by one that counts, and is added.
COMMENT_ATTEMPTS = 3
# How many tickets are looked at for one page of those of a status.
MOST_LOOKED_AT = 100
# A Lambda answers with 6 MB at most: "Lambda quotas" in the AWS Lambda guide.
MAX_PAGE_BYTES = 5_000_000


def create_ticket(
    caller_id: str, issue_description: str, idempotency_key: str | None = None
) -> tuple[Ticket, bool]:
    """File a ticket; return it as it was filed, and whether an earlier call did that.

    Raises `IdempotencyKeyReused` when the caller's earlier call had other words.
    """
    now = _now()
    for number in ticket_numbers.candidates(caller_id, idempotency_key):
        ticket = Ticket(
            ticket_id=ticket_numbers.ticket_id(number),
            ticket_number=ticket_numbers.written(number),
            caller_id=caller_id,
            issue_description=issue_description,
            created_at=now,
            updated_at=now,
            idempotency_key=idempotency_key,
        )
        if storage.put_new(ticket):
            return ticket, False
        found = get_ticket(ticket.ticket_id)
        if _is_of_one_call(found, ticket):
            return _as_filed(found, issue_description), found.created_at != now
        # The number is another ticket's.
    raise StorageUnavailable("NumbersTaken", attempts=ticket_numbers.CANDIDATES)


def get_ticket(reference: str, caller_id: str | None = None) -> Ticket:
    """Return the ticket as it is now.

    Raises `TicketNotFound`, and what `ticket_numbers.to_ticket_id` raises.
    """
    found = storage.find(ticket_numbers.to_ticket_id(reference), caller_id)
    if found is None:
        raise TicketNotFound(len(reference))
    return found


def add_comment(
    reference: str,
    comment_text: str,
    idempotency_key: str | None = None,
    caller_id: str | None = None,
) -> tuple[Comment, bool]:
    """Append a comment to a ticket; return it, and whether an earlier call did that.

    Raises what `get_ticket` does, `TicketFull`, and `IdempotencyKeyReused` when the earlier call
    had other words.
    """
    ticket_id = ticket_numbers.to_ticket_id(reference)
    comment: Comment = {
        "comment_text": comment_text,
        "added_at": _now(),
        "comment_id": _comment_id(ticket_id, idempotency_key),
    }
    uncounted: Ticket | None = None
    for _ in range(COMMENT_ATTEMPTS):
        if storage.append(ticket_id, comment, caller_id, uncounted):
            return comment, False
        ticket = get_ticket(reference, caller_id)
        if found := _comment_with(comment["comment_id"], ticket):
            if found["comment_text"] != comment_text:
                raise IdempotencyKeyReused
            # Of the same moment: our own, whose answer was lost.
            return found, found["added_at"] != comment["added_at"]
        if not storage.has_room(ticket, comment):
            raise TicketFull(len(comment_text))
        uncounted = ticket if ticket.content_bytes is None else None
    raise StorageUnavailable("Contention", attempts=COMMENT_ATTEMPTS)


def list_recent_tickets(
    caller_id: str,
    status: str | None = None,
    limit: int = 10,
    cursor: str | None = None,
    max_bytes: int | None = None,
) -> tuple[list[Ticket], str | None]:
    """Return the caller's next tickets, at most `limit`, newest first, and where to go on.

    A page ends early before it passes `max_bytes`, 5 MB unless given, and one of a status when it
    has looked at 100 tickets. Raises `InvalidField` for a cursor of another list.
    """
    start_key = cursors.start_key(caller_id, status, cursor) if cursor else None
    most = MOST_LOOKED_AT if status else limit
    max_bytes = max_bytes or MAX_PAGE_BYTES
    page: list[Ticket] = []
    last: Ticket | None = None
    length = 0
    # One more shows whether there is more.
    for seen, ticket in enumerate(storage.newest_first(caller_id, most + 1, start_key)):
        length += storage.content_bytes(ticket)
        if last and (len(page) == limit or seen == most or length > max_bytes):
            return _sorted(page), cursors.after(last, status)
        last = ticket
        if status in (None, ticket.status):
            page.append(ticket)
    return _sorted(page), None


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


def _comment_id(ticket_id: str, idempotency_key: str | None) -> str:
    if idempotency_key is None:
        return str(uuid4())
    return str(uuid5(COMMENT_NAMESPACE, f"{ticket_id}\0{idempotency_key}"))


def _comment_with(comment_id: str, ticket: Ticket) -> Comment | None:
    return next((each for each in ticket.comments if each.get("comment_id") == comment_id), None)


def _sorted(page: list[Ticket]) -> list[Ticket]:
    # Of one microsecond, the highest id first.
    return sorted(page, key=lambda ticket: (ticket.created_at, ticket.ticket_id), reverse=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
