"""Taking out of tickets what names their caller.

What stays is listed, and nothing else does: no attribute that is not known here, and no id that
follows from an idempotency key.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast
from uuid import UUID, uuid4, uuid5

from ..storage import items, queries
from ..storage.models import CallerIdIndex, Comment, Event, Ticket
from . import lifecycle, limits

ERASED = "[erased]"
# Who did it, in the ticket's history.
BY = "erase-caller"


def tickets_of(caller_id: str) -> Iterator[Ticket]:
    """Return a caller's tickets, oldest first, those past their time too.

    The index is a moment behind the table. Raises `StorageUnavailable`.
    """
    index = CallerIdIndex.Meta.index_name
    return queries.query(index, "caller_id", caller_id, None, queries.MORE, newest=False)


def erase(ticket_id: str, caller_id: str) -> bool:
    """Take out of a ticket what names its caller; return False if it is not theirs.

    It is one write, and done only if nobody else has written. Raises `StorageUnavailable`.
    """
    was_theirs = False
    while (ticket := _read(ticket_id)) and ticket.caller_id == caller_id:
        # If it is not any more at the next look, the answer to our write was lost.
        was_theirs = True
        if items.replace(ticket, _erased(ticket)):
            break
    return was_theirs


def _read(ticket_id: str) -> Ticket | None:
    item = items.read(ticket_id)
    return Ticket.from_raw_data(item) if item else None


def _erased(ticket: Ticket) -> Ticket:
    now, ids = lifecycle.now(), uuid4()
    comments = [_erased_comment(each, ticket.caller_id, ids) for each in ticket.comments]
    history = [_erased_event(each, ticket.caller_id, ids) for each in ticket.history or ()]
    erasure = {"changed_by": BY, "changed_at": now, "change_id": str(uuid4())}
    erased = Ticket(
        ticket_id=ticket.ticket_id,
        ticket_number=ticket.ticket_number,
        # Each its own: nothing tells which tickets were of one caller.
        caller_id=f"erased-{ticket.ticket_id}",
        issue_description=ERASED,
        status=ticket.status,
        priority=ticket.priority,
        assignee=ticket.assignee and _without(ticket.assignee, ticket.caller_id),
        created_at=ticket.created_at,
        updated_at=ticket.updated_at,
        answered_at=ticket.answered_at,
        resolved_at=ticket.resolved_at,
        expires_at=ticket.expires_at,
        erased_at=now,
        comments=comments,
        comment_ids={each["comment_id"] for each in comments if "comment_id" in each} or None,
        history=[*history, {"field": "caller_id", **erasure}],
        revision=int(ticket.revision or 0) + 1,
    )
    erased.content_bytes = limits.of_ticket(erased)
    return erased


def _erased_comment(comment: Comment, caller_id: str, ids: UUID) -> Comment:
    erased: Comment = {"comment_text": ERASED, "added_at": comment["added_at"]}
    if "comment_id" in comment:
        erased["comment_id"] = str(uuid5(ids, comment["comment_id"]))
    if "author" in comment:
        erased["author"] = _without(comment["author"], caller_id)
    return erased


def _erased_event(event: Event, caller_id: str, ids: UUID) -> Event:
    kept = {name: _without(str(text), caller_id) for name, text in event.items()}
    # What one call did still has one id.
    return cast("Event", kept | {"change_id": str(uuid5(ids, event["change_id"]))})


def _without(name: str, caller_id: str) -> str:
    return ERASED if name == caller_id else name
