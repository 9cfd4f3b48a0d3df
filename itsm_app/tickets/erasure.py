"""Erase a caller's personal data from tickets.

The erased ticket has only the attributes that `_erased` lists. Attributes that the model does not
know are deleted. The ids of comments and changes are replaced, because they can be derived from
idempotency keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Set
from itertools import chain, islice
from typing import NamedTuple, cast
from uuid import UUID, uuid4, uuid5

from ..storage import items, queries, sizes, timestamps
from ..storage.attributes import Comment, Event, Handover
from ..storage.models import Ticket
from . import callers, places
from .lifecycle import TRANSITIONS

ERASED = "[erased]"
# The history of an erased ticket shows this name for the erasure.
CHANGED_BY = "erase-caller"
# How many pages of 1 MB of the index are read to find similar callers. 100 pages have 200,000
# tickets of 500 bytes, and cost 12,800 read units.
MAX_PAGES = 100


def tickets_of(caller_id: str) -> Iterator[Ticket]:
    """Yield a caller's tickets, oldest first, with expired tickets.

    DynamoDB updates the index a moment after the table, so a ticket that was just created can be
    missing.
    """
    return queries.query("CallerIdIndex", caller_id, newest_first=False)


class SimilarCallers(NamedTuple):
    """Callers whose ids are similar to the ids of one caller.

    Attributes:
        tickets: How many tickets each similar caller has.
        is_complete: Whether all tickets were read.
        has_pseudonyms: Whether some of the tickets that were read have a pseudonym as caller.
    """

    tickets: Counter[str]
    is_complete: bool
    has_pseudonyms: bool


def similar_callers(caller_ids: Collection[str]) -> SimilarCallers:
    """Return other callers whose ids have the same letters and digits, see `callers.skeleton`.

    Args:
        caller_ids: The ids of one caller.
    """
    skeletons = {callers.skeleton(each) for each in caller_ids} - {""}
    pages = chain.from_iterable(map(queries.caller_ids, TRANSITIONS))
    similar: Counter[str] = Counter()
    has_pseudonyms = False
    for each in chain.from_iterable(islice(pages, MAX_PAGES)):
        if each not in caller_ids and callers.skeleton(each) in skeletons:
            similar[each] += 1
        has_pseudonyms |= callers.PSEUDONYM.fullmatch(each) is not None
    return SimilarCallers(similar, next(pages, None) is None, has_pseudonyms)


def erase(ticket_id: str, caller_ids: Set[str]) -> bool:
    """Erase a caller's data from a ticket, in one conditional write.

    Args:
        ticket_id: The id of the ticket.
        caller_ids: The ids under which the caller can be stored. These texts are also erased where
            they are the name of an assignee or author.

    Returns:
        False if the ticket does not belong to the caller.
    """
    belonged = False
    while (ticket := items.read(ticket_id)) and ticket.caller_id in caller_ids:
        # If `replace` returns False and the next read finds an erased ticket, our own write
        # succeeded, but its response was lost.
        belonged = True
        if items.replace(ticket, _erased(ticket, caller_ids)):
            break
    return belonged


def _erased(ticket: Ticket, caller_ids: Set[str]) -> Ticket:
    now, namespace = timestamps.now(), uuid4()
    comments = [_erased_comment(each, caller_ids, namespace) for each in ticket.comments]
    notes = [_erased_comment(each, caller_ids, namespace) for each in ticket.notes or ()]
    history = [_erased_event(each, caller_ids, namespace) for each in ticket.history or ()]
    erasure = {"changed_by": CHANGED_BY, "changed_at": now, "change_id": str(uuid4())}
    erased = Ticket(
        ticket_id=ticket.ticket_id,
        ticket_number=ticket.ticket_number,
        # Each ticket gets its own `caller_id`, so nobody can see which tickets had the same caller.
        caller_id=f"erased-{ticket.ticket_id}",
        issue_description=ERASED,
        status=ticket.status,
        priority=ticket.priority,
        assignee=ticket.assignee and _without_caller(ticket.assignee, caller_ids),
        created_at=ticket.created_at,
        updated_at=ticket.updated_at,
        answered_at=ticket.answered_at,
        resolved_at=ticket.resolved_at,
        expires_at=ticket.expires_at,
        erased_at=now,
        comments=comments,
        comment_ids={each["comment_id"] for each in (*comments, *notes) if "comment_id" in each}
        or None,
        history=[*history, {"field": "caller_id", **erasure}],
        revision=int(ticket.revision or 0) + 1,
        notes=notes or None,
        note_writes=ticket.note_writes,
        handovers=[_erased_handover(each, namespace) for each in ticket.handovers or ()] or None,
        handover_since=ticket.handover_since,
        reopened_at=ticket.reopened_at,
        last_comment_at=ticket.last_comment_at,
        last_comment_author=ticket.last_comment_author
        and _without_caller(ticket.last_comment_author, caller_ids),
        created_by=ticket.created_by,
        caller_verified=ticket.caller_verified,
        duplicate_of=ticket.duplicate_of,
        duplicates=ticket.duplicates,
        follow_up_of=ticket.follow_up_of,
        follow_ups=ticket.follow_ups,
        parent=ticket.parent,
        children=ticket.children,
        told_until=ticket.told_until,
    )
    places.set_place(erased)
    erased.content_bytes = sizes.of_ticket(erased)
    return erased


def _erased_comment(comment: Comment, caller_ids: Set[str], namespace: UUID) -> Comment:
    erased: Comment = {"comment_text": ERASED, "added_at": comment["added_at"]}
    if "comment_id" in comment:
        erased["comment_id"] = str(uuid5(namespace, comment["comment_id"]))
    if "author" in comment:
        erased["author"] = _without_caller(comment["author"], caller_ids)
    if "caller_verified" in comment:
        erased["caller_verified"] = comment["caller_verified"]
    return erased


def _erased_handover(handover: Handover, namespace: UUID) -> Handover:
    return {
        "handover_id": str(uuid5(namespace, handover["handover_id"])),
        "requested_at": handover["requested_at"],
        "requested_by": handover["requested_by"],
    }


def _erased_event(event: Event, caller_ids: Set[str], namespace: UUID) -> Event:
    kept = {name: _without_caller(str(text), caller_ids) for name, text in event.items()}
    # Entries of the same request had the same id, and have the same new id.
    return cast("Event", kept | {"change_id": str(uuid5(namespace, event["change_id"]))})


def _without_caller(name: str, caller_ids: Set[str]) -> str:
    return ERASED if name in caller_ids else name
